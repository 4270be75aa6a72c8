/**
 * How chance spreads the delays ("Exponential Backoff And Jitter", AWS Architecture Blog 2015): `full` from 0 to the step,
 * `equal` from half the step, `decorrelated` from the base to three times the last delay, `none` not at all.
 */
export type Jitter = 'full' | 'equal' | 'decorrelated' | 'none'

/** The shape of an exponential backoff, in milliseconds. */
export interface BackoffShape {
  readonly base: number
  readonly factor: number
  readonly max: number
  readonly jitter: Jitter
}

/**
 * The delay before the retry that follows attempt `attempt` (1, 2, …). The step is clamped to `max` first and spread afterwards,
 * so that delays at the cap stay as spread as any other.
 */
export function backoff(shape: BackoffShape, attempt: number, previous: number, random: () => number): number {
  if (shape.jitter === 'decorrelated') {
    const top = Math.min(shape.max, Math.max(previous, shape.base) * 3)
    const bottom = Math.min(shape.base, top)
    return bottom + random() * (top - bottom)
  }
  const step = Math.min(shape.max, shape.base * shape.factor ** (attempt - 1))
  if (shape.jitter === 'none') return step
  return shape.jitter === 'equal' ? step / 2 + (random() * step) / 2 : random() * step
}

/** What the server asked for, never shortened, with jitter on top: up to a tenth of it, and no less than one base step. */
export function afterHint(asked: number, shape: BackoffShape, delay: number, random: () => number): number {
  const spread = shape.jitter === 'none' ? 0 : random() * Math.max(shape.base, asked / 10)
  return Math.max(asked + spread, delay)
}
