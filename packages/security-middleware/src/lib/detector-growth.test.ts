import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { beforeAll, describe, expect, it } from 'vitest'

import { families } from '../../soak/adversarial.ts'

const script = fileURLToPath(new URL('../../soak/growth.ts', import.meta.url))

describe('the detector under hostile texts', () => {
  let costs: Readonly<Record<string, { readonly once: number; readonly twice: number }>>
  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', script])
    costs = JSON.parse(stdout) as typeof costs
  })

  it('has at least thirty families of them', () => {
    expect(Object.keys(families).length).toBeGreaterThanOrEqual(30)
  })

  // far above the 10 ms and the 2.2x that the bench reports, so that a busy machine fails nothing that is linear
  it.each(Object.keys(families))(
    'reads 64 KB of %s in bounded time, and twice as much in about twice the time',
    (name) => {
      const { once, twice } = costs[name]!
      expect(once).toBeLessThan(100)
      expect(twice).toBeLessThan(once * 4 + 25)
    },
  )
})
