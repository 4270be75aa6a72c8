import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { TestRunner } from 'vitest'

const root = fileURLToPath(new URL('../../../..', import.meta.url))

/**
 * The folder of a corpus, `corpus('http/structured-fields')`; call it inside a test. Without any corpora
 * beside the checkout the test is skipped and counted; with them, a missing or empty folder fails it.
 */
export function corpus(name: string): string {
  const all = path.resolve(root, process.env.SHOP_CORPORA ?? '../shared/corpora')
  if (!existsSync(all)) {
    const test = TestRunner.getCurrentTest()
    if (!test) throw new Error(`corpus('${name}') is called outside a test: it has nothing to skip`)
    test.context.skip('needs:corpora: SHOP_CORPORA names their folder')
  }
  const dir = path.join(all, name)
  if (!existsSync(dir) || readdirSync(dir).length === 0)
    throw new Error(`the corpora are here, but ${dir} is missing or empty`)
  return dir
}
