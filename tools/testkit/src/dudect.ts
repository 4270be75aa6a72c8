/** What {@link dudect} found. */
export interface TimingVerdict {
  /** The largest |t| of Welch's test over all cut-offs. Above 4.5 the two classes are told apart by their time; above 10 for certain. */
  readonly t: number
  /** Mean time of each class, in nanoseconds, with the slowest tenth cut off. */
  readonly means: readonly [number, number]
}

/** The percentiles above which measurements are cut off, as dudect does: noise is at the top, a leak anywhere. */
const cuts = [1, 0.99, 0.95, 0.9, 0.8, 0.7, 0.5]

/**
 * Whether the time of an operation tells two classes of input apart, after dudect (Reparaz, Balasch and
 * Verbauwhede, "Dude, is my code constant time?", 2017): the classes are measured in random order, and compared by
 * Welch's t-test on the whole and on what is below several percentiles.
 *
 * `operate` is called with the class and prepares nothing itself; what differs between calls must be made before.
 */
export async function dudect(
  samples: number,
  operate: (input: 0 | 1) => unknown,
  warmUp = 2000,
): Promise<TimingVerdict> {
  const times: [number[], number[]] = [[], []]
  for (let i = -warmUp; i < samples; i++) {
    const input = Math.random() < 0.5 ? 0 : 1
    const start = process.hrtime.bigint()
    const result = operate(input)
    if (result instanceof Promise) await result
    const took = Number(process.hrtime.bigint() - start)
    if (i >= 0) times[input].push(took)
  }
  return judge(times)
}

/** Compares two classes of measurements that were made elsewhere, in random order. */
export function judge([first, second]: readonly [readonly number[], readonly number[]]): TimingVerdict {
  const sorted = [...first, ...second].sort((a, b) => a - b)
  let t = 0
  let means: readonly [number, number] = [0, 0]
  for (const cut of cuts) {
    const limit = sorted[Math.ceil(sorted.length * cut) - 1]!
    const a = moments(first, limit)
    const b = moments(second, limit)
    if (a.count < 20 || b.count < 20) continue
    const spread = Math.sqrt(a.variance / a.count + b.variance / b.count)
    if (spread > 0) t = Math.max(t, Math.abs(a.mean - b.mean) / spread)
    if (cut === 0.9) means = [a.mean, b.mean]
  }
  return { t, means }
}

/** Welford's running mean and variance of what is not above a limit. */
function moments(values: readonly number[], limit: number): { count: number; mean: number; variance: number } {
  let count = 0
  let mean = 0
  let squares = 0
  for (const value of values) {
    if (value > limit) continue
    count++
    const delta = value - mean
    mean += delta / count
    squares += delta * (value - mean)
  }
  return { count, mean, variance: count > 1 ? squares / (count - 1) : 0 }
}
