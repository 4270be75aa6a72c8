/** What there is to check, in the order it is told. */
export const GROUPS = ['endpoints', 'exposition', 'rules', 'routes', 'targets', 'receivers', 'environment'] as const
export type CheckGroup = (typeof GROUPS)[number]

/** One thing that was looked at, or could not be. */
export interface Check {
  readonly group: CheckGroup
  readonly name: string
  readonly outcome: 'ok' | 'failed' | 'skipped'
  /** What was found; never a secret. */
  readonly detail: string
}

/** Finds out one thing; what it throws is what is wrong, or why it was {@link Skipped}. */
export type Look = () => Promise<string> | string

/** Nothing was found out, and nothing is known to be wrong. */
export class Skipped extends Error {}
