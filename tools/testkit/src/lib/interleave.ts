import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export interface InterleaveOptions {
  /** Rounds; each runs every arm once, in an order that rotates. @default 7 */
  readonly repeats?: number
  /** How long one turn of an arm should take; sets its number of calls. @default 40 (milliseconds) */
  readonly turn?: number
  /** Fixed calls per turn, where a call is long. */
  readonly calls?: number
  /** CPU of the whole process, its helper threads included, or time on the wall. @default 'cpu' */
  readonly clock?: 'cpu' | 'wall'
  /** Measures heap bytes per call too. @default false */
  readonly bytes?: boolean
}

/** What one call costs. */
export interface Cost {
  /** Microseconds; the least of all turns, for noise only adds. */
  readonly us: number
  /** Calls a second, from `us`. */
  readonly perSecond: number
  /** Heap bytes allocated, where `bytes` was asked for. */
  readonly bytes: number | undefined
}

type Arm = () => unknown

/** Runs the arms turn by turn in one process, so that all of them meet the same weather. */
export async function interleave<Name extends string>(
  arms: Readonly<Record<Name, Arm>>,
  options: InterleaveOptions = {},
): Promise<Record<Name, Cost>> {
  const { repeats = 7, turn = 40, clock = 'cpu', bytes = false } = options
  const names = Object.keys(arms) as Name[]
  const calls = new Map<Name, number>()
  for (const name of names) calls.set(name, options.calls ?? (await calibrate(arms[name], turn, clock)))
  const best = new Map<Name, number>()
  for (let round = 0; round < repeats; round++) {
    for (const name of [...names.slice(round % names.length), ...names.slice(0, round % names.length)]) {
      const n = calls.get(name)!
      await collected() // nobody pays for another's garbage
      const us = (await timed(arms[name], n, clock)) / n
      best.set(name, Math.min(us, best.get(name) ?? Infinity))
    }
  }
  const costs = {} as Record<Name, Cost>
  for (const name of names) {
    const us = best.get(name)!
    costs[name] = { us, perSecond: 1e6 / us, bytes: bytes ? await allocated(arms[name]) : undefined }
  }
  return costs
}

async function timed(arm: Arm, calls: number, clock: 'cpu' | 'wall'): Promise<number> {
  const wall = performance.now()
  const cpu = process.cpuUsage()
  await run(arm, calls)
  if (clock === 'wall') return (performance.now() - wall) * 1000
  const { user, system } = process.cpuUsage(cpu)
  return user + system
}

/** A call that returns no promise is not awaited: microtasks would be most of what is measured. */
async function run(arm: Arm, calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) {
    const result = arm()
    if (result instanceof Promise) await result
  }
}

/** Doubles the calls until a turn is long enough, or waits too long for it; warms the code up on the way. */
async function calibrate(arm: Arm, turn: number, clock: 'cpu' | 'wall'): Promise<number> {
  for (let calls = 1; ; calls *= 2) {
    const start = performance.now()
    const took = (await timed(arm, calls, clock)) / 1000
    if (took >= turn || performance.now() - start >= turn * 10) return calls
    if (took >= turn / 4) return Math.ceil((calls * turn) / took)
  }
}

/** The median of series short enough not to be collected in: new space holds a megabyte after a collection. */
async function allocated(arm: Arm): Promise<number> {
  let calls = 1
  while (calls < 4096 && (await grown(arm, calls)) < 100_000) calls *= 2
  const series: number[] = []
  for (let i = 0; i < 15; i++) series.push((await grown(arm, calls)) / calls)
  return series.toSorted((a, b) => a - b)[7]!
}

async function grown(arm: Arm, calls: number): Promise<number> {
  await collected()
  const before = process.memoryUsage().heapUsed
  await run(arm, calls)
  return process.memoryUsage().heapUsed - before
}

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** A collection, and a moment for the helper threads to sweep: their time is in the process's CPU time. */
async function collected(): Promise<void> {
  collect()
  await new Promise((resolve) => setTimeout(resolve, 3))
}
