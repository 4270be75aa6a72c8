/** What happens to the dependency or its load for a while. */
export interface Trigger {
  /** When it begins, in seconds; the warm-up before it is not counted. */
  readonly at: number
  /** How long it lasts, in seconds. */
  readonly for: number
  /** What is left of the workers, from 0 to 1. */
  readonly capacity?: number
  /** What the service time is multiplied with. */
  readonly slower?: number
  /** What the load is multiplied with. */
  readonly load?: number
  /** The share of requests that fail with a 500 at once. */
  readonly errors?: number
  /** `refuse`: every connection is refused at once. `hang`: nothing is ever answered. */
  readonly dead?: 'refuse' | 'hang'
  /** The first of ten shards (a tenth of the keys) is dead in that manner. */
  readonly shard?: 'refuse' | 'hang'
}

/** A world to replay a configuration in. Times are in milliseconds unless they say otherwise. */
export interface Scenario {
  readonly name: string
  /** @default 700 */
  readonly requestsPerSecond?: number
  /** How many instances, each with a pipeline of its own. @default 20 */
  readonly clients?: number
  /** @default 10 */
  readonly workers?: number
  /** The mean of the exponential service time. @default 10 */
  readonly serviceMs?: number
  /** The server refuses with 503 what would make its queue longer. @default unbounded */
  readonly queueLimit?: number
  /** How long a user waits; an answer that comes later is lost. @default 2000 */
  readonly userMs?: number
  /** The share of requests that fail with a 500 all the time. @default 0 */
  readonly errors?: number
  /** The share of requests whose service takes `stragglerFactor` times as long. @default 0 */
  readonly stragglers?: number
  /** @default 30 */
  readonly stragglerFactor?: number
  readonly trigger?: Trigger
  /** How many seconds are counted, from the trigger's begin (or after the warm-up) on. @default 77 */
  readonly seconds?: number
  /** Seconds before counting, when no trigger says it. @default 10 */
  readonly warmUp?: number
}

/** The scenarios the defaults of this package are tuned on. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  capacity: { name: 'capacity -80 % for 10 s', trigger: { at: 10, for: 10, capacity: 0.2 } },
  slow: { name: 'five times slower for 10 s', trigger: { at: 10, for: 10, slower: 5 } },
  load: { name: 'load x2 for 10 s', trigger: { at: 10, for: 10, load: 2 } },
  bounded: { name: 'capacity -80 %, queue of 100', queueLimit: 100, trigger: { at: 10, for: 10, capacity: 0.2 } },
  refused: { name: 'dead for 30 s (refused)', trigger: { at: 10, for: 30, dead: 'refuse' } },
  hanging: { name: 'dead for 30 s (hanging)', trigger: { at: 10, for: 30, dead: 'hang' } },
  shard: { name: 'one shard of ten hangs for 20 s', trigger: { at: 10, for: 20, shard: 'hang' } },
  shardRefused: { name: 'one shard of ten refuses for 20 s', trigger: { at: 10, for: 20, shard: 'refuse' } },
  errors: { name: '5 % random errors', errors: 0.05 },
  burst: { name: 'half of all requests fail for 10 s', trigger: { at: 10, for: 10, errors: 0.5 } },
  fleet: { name: '200 clients, capacity -80 %', clients: 200, trigger: { at: 10, for: 10, capacity: 0.2 } },
  single: { name: 'one client, capacity -80 %', clients: 1, trigger: { at: 10, for: 10, capacity: 0.2 } },
}
