import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { describe, expect, onTestFinished, test, vi } from 'vitest'

import { corpus } from './corpus.ts'
import { needs } from './needs.ts'

/** Calls in place of a test and says why it was skipped. */
function skipNote(component: string): string | undefined {
  let said: string | undefined
  try {
    needs(
      {
        skip: (note?: unknown) => {
          said = String(note)
          throw new Error('skipped')
        },
      },
      component,
    )
  } catch {
    return said
  }
  return undefined
}

test('a component that is switched off skips, naming itself and what to do', () => {
  vi.stubEnv('SHOP_WITHOUT', 'redis,gpg')
  expect(skipNote('redis')).toMatch(/^needs:redis: ./)
})

test('an unknown component is a mistake, not a skip', () => {
  expect(() => needs({ skip: () => {} } as never, 'mysql')).toThrow('no component mysql; there is: redis')
})

describe('corpora', () => {
  const folder = (): string => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'shop-corpora-'))
    onTestFinished(() => rmSync(dir, { recursive: true }))
    vi.stubEnv('SHOP_CORPORA', dir)
    return dir
  }

  test('a folder with something in it is handed out', () => {
    const dir = path.join(folder(), 'http')
    mkdirSync(dir)
    writeFileSync(path.join(dir, 'a.json'), '[]')
    expect(corpus('http')).toBe(dir)
  })

  test('a missing or an empty folder fails', () => {
    const dir = folder()
    expect(() => corpus('http')).toThrow('missing or empty')
    mkdirSync(path.join(dir, 'http'))
    expect(() => corpus('http')).toThrow('missing or empty')
  })
})
