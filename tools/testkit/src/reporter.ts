import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** Says last, and loudly, what did not run and why: a skipped test is not a passed one. */
export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const by = new Map<string, number>()
    let plain = 0
    for (const m of modules)
      for (const t of m.children.allTests('skipped') as Iterable<TestCase>) {
        const note = (t.result() as { note?: string }).note
        if (note?.startsWith('needs:')) by.set(note.slice(6), (by.get(note.slice(6)) ?? 0) + 1)
        else plain++
      }
    if (by.size === 0 && plain === 0) return
    const total = [...by.values()].reduce((a, b) => a + b, plain)
    process.stderr.write(`\nNOT RUN: ${total} test(s)\n`)
    for (const [n, k] of by)
      process.stderr.write(`  ${k} need(s) ${n}, which is not on this machine: npm run components\n`)
    if (plain) process.stderr.write(`  ${plain} skipped in the source\n`)
  }
}
