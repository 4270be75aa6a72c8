import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** Says last, and loudly, what did not run and why: a skipped test is not a passed one. */
export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
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

function reason(test: TestCase): string {
  const result = test.result()
  const note = result.state === 'skipped' ? result.note : undefined
  const [, component, install] = /needs:([^:\]]+): ([^\]]+)/.exec(note ?? test.fullName) ?? []
  return component ? `for want of ${component}: ${install}` : 'skipped in the source'
}
