import type { Pipeline } from '../pipeline.ts'
import type { Runtime } from '../runtime.ts'
import type { Scenario } from './scenario.ts'
import { Fifo, type Line, Server } from './server.ts'
import { VirtualRuntime } from './virtual.ts'

/** What is replayed. */
export interface Simulation {
  readonly scenario: Scenario
  /** Makes one instance's pipeline: yours, on the virtual runtime it is given. */
  readonly client: (runtime: Runtime) => Pipeline
  /** @default 1 */
  readonly seed?: number
  /** The server's queue. @default first in first out, abandoned work executed */
  readonly line?: (runtime: Runtime) => Line
}

/** What came out of one replay. */
export interface Outcome {
  readonly offered: number
  readonly lost: number
  /** Calls of the clients' functions per request. */
  readonly attemptsPerRequest: number
  /** The same, while the trigger lasted. */
  readonly attemptsInTrouble: number
  /** Seconds from the trigger's end until 95 % of the requests succeed again, for good; Infinity when never. */
  readonly recovery: number
  /** Answered requests per half second of arrival, and all requests: `[good, offered]`. */
  readonly timeline: readonly (readonly [good: number, offered: number])[]
  /** Milliseconds of the answered requests, sorted. */
  readonly latencies: Float64Array
  /** Work done by the server, in milliseconds. */
  readonly worked: number
}

const BUCKET_MS = 500
const HEALTHY = 0.95

/** Replays one scenario against one configuration, with one seed. */
export async function replay(simulation: Simulation): Promise<Outcome> {
  const { scenario } = simulation
  const { trigger, clients = 20, requestsPerSecond = 700, userMs = 2000 } = scenario
  const runtime = new VirtualRuntime(simulation.seed ?? 1)
  const server = new Server(runtime, scenario, simulation.line?.(runtime) ?? new Fifo())
  const pipelines = Array.from({ length: clients }, () => simulation.client(runtime))
  const from = (trigger?.at ?? scenario.warmUp ?? 10) * 1000
  const until = from + (scenario.seconds ?? 77) * 1000
  const timeline: [number, number][] = Array.from({ length: Math.ceil((until - from) / BUCKET_MS) }, () => [0, 0])
  const latencies: number[] = []
  let attempts = 0
  let inTrouble = { attempts: 0, requests: 0 }
  let troubled = false
  let load = 1

  const request = async (): Promise<void> => {
    const at = runtime.now()
    const key = Math.floor(runtime.random() * 1000)
    const bucket = at >= from ? timeline[Math.floor((at - from) / BUCKET_MS)] : undefined
    if (bucket) bucket[1]++
    if (troubled) inTrouble.requests++
    const result = await pipelines[Math.floor(runtime.random() * clients)]!.tryRun(
      (context) =>
        new Promise<void>((resolve, reject) => {
          if (bucket) attempts++
          if (troubled) inTrouble.attempts++
          const due = runtime.now() + context.remaining
          server.receive({ key, due, answer: (error) => (error ? reject(error) : resolve()) })
        }),
    )
    const took = runtime.now() - at
    if (!result.ok || took > userMs || !bucket) return
    bucket[0]++
    latencies.push(took)
  }
  const arrive = (): void => {
    if (runtime.now() >= until) return
    void request()
    runtime.after(runtime.exponential(1000 / (requestsPerSecond * load)), arrive)
  }
  runtime.after(0, arrive)
  if (trigger) {
    runtime.after(from, () => {
      load = trigger.load ?? 1
      troubled = true
      server.trouble(trigger)
    })
    runtime.after(from + trigger.for * 1000, () => {
      load = 1
      troubled = false
      server.trouble(undefined)
    })
  }
  await runtime.run(until + userMs + 1000)
  const offered = timeline.reduce((sum, [, each]) => sum + each, 0)
  const good = timeline.reduce((sum, [each]) => sum + each, 0)
  return {
    offered,
    lost: offered - good,
    attemptsPerRequest: attempts / offered,
    attemptsInTrouble: inTrouble.requests === 0 ? 0 : inTrouble.attempts / inTrouble.requests,
    recovery: trigger ? recoveryOf(timeline, trigger.for * 1000) : 0,
    timeline,
    latencies: Float64Array.from(latencies).sort(),
    worked: server.worked,
  }
}

function recoveryOf(timeline: Outcome['timeline'], endMs: number): number {
  const end = Math.ceil(endMs / BUCKET_MS)
  let last = end - 1
  // a single bad half second long after is chance, two in a row are not
  for (let index = end; index < timeline.length; index++) {
    if (bad(timeline[index]!) && (index === end || index === last + 1 || bad(timeline[index - 1]!))) last = index
  }
  return last === timeline.length - 1 ? Infinity : ((last - end + 1) * BUCKET_MS) / 1000
}

function bad([good, offered]: readonly [number, number]): boolean {
  return good < offered * HEALTHY
}
