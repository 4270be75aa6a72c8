import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import autocannon from 'autocannon'

import { progress } from './lib/progress.ts'

/** One request, sent over and over. */
export interface BenchRequest {
  readonly method?: 'GET' | 'POST'
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface HttpBenchOptions {
  /** The request, or one an arm where arms need different ones (a token, a cookie). */
  readonly request: BenchRequest | ((arm: string, url: string) => Promise<BenchRequest>)
  /** Requests an arm answers in one round; short turns, so that some fall between those of other work. @default 1000 */
  readonly requests?: number
  /** Rounds in which all arms take turns. @default 24 */
  readonly rounds?: number
  /** @default 10 */
  readonly connections?: number
  /** The status every answer must have. @default 200 */
  readonly status?: number
}

/** What one arm cost its own process, client excluded. */
export interface HttpCost {
  /** CPU microseconds a request, user and system: the least of all rounds. */
  readonly cpu: number
  /** Resident memory after all rounds, in bytes. */
  readonly rss: number
}

/**
 * Server CPU a request, by arm. `script` is a module that reads the arm's name from `process.argv[2]`, makes its server and
 * hands it to {@link serveArm}; each arm has a process of its own, and the arms take turns so that noise meets them alike.
 */
export async function httpBench<Arm extends string>(
  script: URL,
  arms: readonly Arm[],
  { request, requests = 1000, rounds = 24, connections = 10, status = 200 }: HttpBenchOptions,
): Promise<Record<Arm, HttpCost>> {
  const children = await Promise.all(arms.map((arm) => start(script, arm)))
  const shown = progress('requests', arms.length * (rounds + 1) * requests)
  const least = new Map<Arm, number>()
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const [index, arm] of arms.entries()) {
        const { child, url } = children[index]!
        const one = typeof request === 'function' ? await request(arm, url) : request
        const before = await ask(child, 'cpu')
        const result = await autocannon({
          method: 'GET',
          ...one,
          url: url + (one.path ?? '/'),
          connections,
          amount: requests,
        } as never)
        const answered = (result.statusCodeStats as Record<string, { count: number }>)[status]?.count ?? 0
        if (answered !== requests)
          throw new Error(
            `${arm}: ${answered} of ${requests} answers were ${status}: ${JSON.stringify(result.statusCodeStats)}`,
          )
        const cpu = ((await ask(child, 'cpu')) - before) / requests
        // the first rounds warm up
        if (round > 3) least.set(arm, Math.min(cpu, least.get(arm) ?? Infinity))
        shown.tick(requests)
      }
    }
    const rss = await Promise.all(children.map(({ child }) => ask(child, 'rss')))
    return Object.fromEntries(arms.map((arm, index) => [arm, { cpu: least.get(arm)!, rss: rss[index]! }])) as Record<
      Arm,
      HttpCost
    >
  } finally {
    shown.done()
    for (const { child } of children) child.kill('SIGKILL')
  }
}

/** The arm's side: listens on a free port of 127.0.0.1, tells it, and answers what it has cost so far. */
export function serveArm(server: Server): void {
  server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }))
  process.on('message', (wanted) => {
    const { user, system } = process.cpuUsage()
    process.send!({ value: wanted === 'cpu' ? user + system : process.memoryUsage.rss() })
  })
  process.on('disconnect', () => process.exit())
}

async function start(script: URL, arm: string): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(script, [arm], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { child, url: `http://127.0.0.1:${port}` }
}

async function ask(child: ChildProcess, wanted: 'cpu' | 'rss'): Promise<number> {
  child.send(wanted)
  const [{ value }] = (await once(child, 'message')) as [{ value: number }]
  return value
}
