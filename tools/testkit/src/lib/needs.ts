import { describe, type TestContext, TestRunner } from 'vitest'

import { find, type Found } from './components.ts'

/** Skips the test, counted in the last lines of the run, unless the component is on this machine. */
export function needs(ctx: Pick<TestContext, 'skip'>, component: string): Extract<Found, { ok: true }> {
  const found = find(component)
  if (!found.ok) ctx.skip(`needs:${component}: ${found.install}`)
  return found as Extract<Found, { ok: true }>
}

/** `describe`, skipped and counted as a whole unless the component is on this machine. */
export function describeWith(component: string, title: string, body: () => void): void {
  const found = find(component)
  if (found.ok) describe(title, body)
  else describe.skip(`${title} [needs:${component}: ${found.install}]`, body)
}

/** For what starts a component: skips the running test, throws where there is none to skip. */
export function here(component: string): Extract<Found, { ok: true }> {
  const test = TestRunner.getCurrentTest()
  if (test) return needs(test.context, component)
  const found = find(component)
  if (found.ok) return found
  throw new Error(`${component} is not on this machine (${found.missing}): ${found.install}, or use describeWith()`)
}
