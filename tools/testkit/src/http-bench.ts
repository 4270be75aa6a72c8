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
  /** Rounds in which all arms take turns, for each of an arm's three processes; the first four warm up. @default 12 */
  readonly rounds?: number
  /** @default 10 */
  readonly connections?: number
  /** The status every answer must have. @default 200 */
  readonly status?: number
}

/** What one arm cost its own process, client excluded. */
export interface HttpCost {
  /** CPU microseconds a request, user and system: the least of all rounds of all its processes. */
  readonly cpu: number
  /** Resident memory after all rounds of its last process, in bytes. */
  readonly rss: number
}

/** Two processes that run the same differ by microseconds, for as long as they live: by how their memory came to lie. */
const PROCESSES = 3

/**
 * Server CPU a request, by arm. `script` is a module that reads the arm's name from `process.argv[2]`, makes its server and
 * hands it to {@link serveArm}; each arm has processes of its own, one after the other, and the arms take turns so that noise
 * meets them alike.
 */
export async function httpBench<Arm extends string>(
  script: URL,
  arms: readonly Arm[],
  { request, requests = 1000, rounds = 12, connections = 10, status = 200 }: HttpBenchOptions,
): Promise<Record<Arm, HttpCost>> {
  const costs = Object.fromEntries(arms.map((arm) => [arm, { cpu: Infinity, rss: 0 }])) as Record<Arm, HttpCost>
  using shown = progress('requests', PROCESSES * arms.length * rounds * requests)
  for (let started = 0; started < PROCESSES; started++) {
    const children = await Promise.all(arms.map((arm) => start(script, arm)))
    try {
      for (let round = 0; round < rounds; round++) {
        for (const [index, arm] of arms.entries()) {
          const { child, url } = children[index]!
          const one = typeof request === 'function' ? await request(arm, url) : request
          const before = await ask(child, 'cpu')
          await send(arm, { ...one, url: url + (one.path ?? '/'), connections, amount: requests }, status)
          const cpu = ((await ask(child, 'cpu')) - before) / requests
          if (round > 3) costs[arm] = { ...costs[arm], cpu: Math.min(cpu, costs[arm].cpu) }
          shown.tick(requests)
        }
      }
      for (const [index, arm] of arms.entries())
        costs[arm] = { ...costs[arm], rss: await ask(children[index]!.child, 'rss') }
    } finally {
      for (const { child } of children) child.kill('SIGKILL')
    }
  }
  return costs
}

async function send(
  arm: string,
  options: Omit<BenchRequest, 'path'> & { url: string; connections: number; amount: number },
  status: number,
): Promise<void> {
  const { statusCodeStats } = await autocannon({ method: 'GET', ...options } as never)
  const answered = (statusCodeStats as Record<string, { count: number }>)[status]?.count ?? 0
  if (answered !== options.amount)
    throw new Error(
      `${arm}: ${answered} of ${options.amount} answers were ${status}: ${JSON.stringify(statusCodeStats)}`,
    )
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
