import type { Task } from './context.ts'
import { callback, decimal, duration, flag, integer, readOptions } from './options.ts'
import type { Duration } from './duration.ts'
import { stackless } from './errors.ts'
import { pause } from './pause.ts'

/** What {@link chaos} does to the functions it wraps. */
export interface ChaosOptions {
  /** The share of calls that fail instead of being made. @default 0 */
  readonly faults?: number
  /** The error of a fault. @default an Error with code ERR_SHOP_RETRY_CHAOS */
  readonly fault?: () => unknown
  /** The share of calls that are delayed. @default 0 */
  readonly delays?: number
  /** How long. @default '100ms' */
  readonly delay?: Duration
  /** The share of calls that are made and whose outcome is replaced: what was done is done, and nobody is told. @default 0 */
  readonly lostOutcomes?: number
  /** The outcome instead: a value, or a throw. @default an ECONNRESET */
  readonly outcome?: () => unknown
  /** The chance, to make a test repeatable. @default Math.random */
  readonly seed?: number
  /** Whether it does anything; can be switched later. @default true */
  readonly on?: boolean
}

/** Faults, delays and lost outcomes, injected. */
export interface Chaos {
  /** Whether it does anything now. */
  on: boolean
  /** How often it did what. */
  readonly counts: { readonly faults: number; readonly delays: number; readonly lostOutcomes: number }
  /** The same function, with chaos between it and its caller. */
  <T>(task: Task<T>): Task<T>
}

/**
 * Injects faults, latency and outcomes, for tests: `payments.run(chaos({ faults: 0.2 })(charge))`. Never put it between production
 * and its users without a switch that is off.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function chaos(options?: ChaosOptions): Chaos {
  const read = readOptions('chaos', options, {
    faults: decimal(0, 1, 0),
    fault: callback<() => unknown>(),
    delays: decimal(0, 1, 0),
    delay: duration(0, '1h', '100ms'),
    lostOutcomes: decimal(0, 1, 0),
    outcome: callback<() => unknown>(),
    seed: integer(-1, 4_294_967_295, -1),
    on: flag(true),
  })
  const chance = read.seed < 0 ? Math.random : seeded(read.seed)
  const counts = { faults: 0, delays: 0, lostOutcomes: 0 }
  const disturb = <T>(task: Task<T>): Task<T> => {
    return async (context) => {
      if (!wrap.on) return task(context)
      if (chance() < read.faults) {
        counts.faults++
        throw read.fault?.() ?? stackless('ERR_SHOP_RETRY_CHAOS', 'a fault injected by chaos')
      }
      if (chance() < read.delays) {
        counts.delays++
        await pause(read.delay, context.signal)
      }
      const value = await task(context)
      if (chance() >= read.lostOutcomes) return value
      counts.lostOutcomes++
      if (read.outcome) return read.outcome() as T
      throw Object.assign(new Error('read ECONNRESET (injected by chaos)'), { code: 'ECONNRESET' })
    }
  }
  const wrap: Chaos = Object.assign(disturb, { on: read.on, counts })
  return wrap
}

function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}
