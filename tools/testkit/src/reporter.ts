import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node'

const toolchain = fileURLToPath(new URL('../../../.toolchain/', import.meta.url))

/** Says last, and loudly, what did not run and why: a skipped test is not a passed one. */
export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    count(modules, unhandled)
    const reasons = new Map<string, number>()
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const why = reason(test)
        reasons.set(why, (reasons.get(why) ?? 0) + 1)
      }
    }
    if (reasons.size === 0) return
    const total = [...reasons.values()].reduce((sum, n) => sum + n, 0)
    process.stderr.write(`\nNOT RUN: ${total} test(s)\n`)
    for (const [why, n] of reasons) process.stderr.write(`  ${n} ${why}\n`)
  }
}

/** For .ci/run; a file that could not be collected is one failure, and so is an error outside any test. */
function count(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
  const counts = { passed: 0, failed: 0, skipped: 0, failures: [] as string[] }
  const fail = (name: string, [error]: readonly { readonly message: string }[]): void => {
    counts.failed++
    counts.failures.push(`${name}: ${error?.message.split('\n')[0] ?? 'no error was given'}`)
  }
  for (const module of modules) {
    const tests = [...module.children.allTests()]
    for (const test of tests) {
      const { state, errors } = test.result()
      if (state === 'failed') fail(`${test.project.name} ${module.relativeModuleId} > ${test.fullName}`, errors)
      else if (state !== 'pending') counts[state]++
    }
    const failed = tests.some((test) => test.result().state === 'failed')
    if (module.state() === 'failed' && !failed)
      fail(`${module.project.name} ${module.relativeModuleId}`, module.errors())
  }
  for (const error of unhandled) {
    const frame = /(?:packages|examples|tools)\/\S+:\d+/.exec(error.stack ?? '')?.[0] ?? 'no frame of ours'
    fail(`unhandled in ${error.VITEST_TEST_PATH ?? 'no test'} > ${error.VITEST_TEST_NAME ?? ''} (${frame})`, [error])
  }
  mkdirSync(toolchain, { recursive: true })
  writeFileSync(`${toolchain}counts.json`, JSON.stringify(counts))
}

function reason(test: TestCase): string {
  const result = test.result()
  const note = result.state === 'skipped' ? result.note : undefined
  const [, component, install] = /needs:([^:\]]+): ([^\]]+)/.exec(note ?? test.fullName) ?? []
  return component ? `for want of ${component}: ${install}` : 'skipped in the source'
}
