/** What there is to check, in the order it is told. */
export const GROUPS = ['endpoints', 'exposition', 'rules', 'routes', 'targets', 'receivers', 'environment'] as const
export type CheckGroup = (typeof GROUPS)[number]

/** One thing that was looked at. */
export interface Check {
  readonly group: CheckGroup
  readonly name: string
  readonly ok: boolean
  /** What was found; never a secret. */
  readonly detail: string
}

/** Finds out one thing; what it throws is what is wrong. */
export type Look = () => Promise<string> | string
