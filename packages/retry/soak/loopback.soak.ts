// Scenario one with real servers: Express and Fastify processes on loopback, real clients, the shipped pipelines.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

import { progress } from '@shop/testkit/bench'

import { deadline, pipeline, type Pipeline, retry, standard, timeout } from '../src/index.ts'

const RATE = Number(process.env.RATE ?? 140)
const SECONDS = { before: 4, trouble: 8, after: 10 }
const CLIENTS = 10
const configurations: Record<string, () => Pipeline> = {
  'plain retries': () => pipeline('plain', [deadline('2s'), retry({ budget: false }), timeout('500ms')]),
  ours: () => pipeline('ours', standard({ idempotent: true })),
}

const only = process.argv.slice(2)
let failed = false
for (const framework of ['express', 'fastify'] as const) {
  for (const [policy, name] of [
    [false, 'plain retries'],
    [false, 'ours'],
    [true, 'plain retries'],
    [true, 'ours'],
  ] as const) {
    const shown = `${framework}, ${policy ? 'server policy' : 'no policy'}, ${name}`
    if (!only.every((part) => shown.includes(part))) continue
    const { lost, floor, recovery } = await run(framework, policy, name)
    const bounded = name === 'ours' || policy
    const ok = !bounded || (recovery <= 2 && lost <= floor * 1.25)
    failed ||= !ok
    console.log(`${shown.padEnd(42)} lost ${lost}  floor ${floor}  recovery ${recovery} s  ${ok ? 'ok' : 'VIOLATED'}`)
  }
}
process.exitCode = failed ? 1 : 0

async function run(framework: string, policy: boolean, name: string) {
  const server = fork(new URL('loopback-server.ts', import.meta.url), [framework, String(policy)])
  const [{ url }] = (await once(server, 'message')) as [{ url: string }]
  const pipelines = Array.from({ length: CLIENTS }, () => configurations[name]!())
  const total = SECONDS.before + SECONDS.trouble + SECONDS.after
  using bar = progress(`${framework} ${name}`, total)
  const buckets = Array.from({ length: total * 2 }, () => ({ offered: 0, good: 0 }))
  const start = performance.now()
  const calls: Promise<void>[] = []
  let next = start
  let troubled: boolean | undefined
  let second = 0
  for (;;) {
    const now = performance.now() - start
    if (now >= total * 1000) break
    const inTrouble = now >= SECONDS.before * 1000 && now < (SECONDS.before + SECONDS.trouble) * 1000
    if (inTrouble !== troubled) server.send({ capacity: inTrouble ? 0.2 : 1 })
    troubled = inTrouble
    while (next <= performance.now()) {
      const bucket = buckets[Math.min(buckets.length - 1, Math.floor((next - start) / 500))]!
      bucket.offered++
      const one = pipelines[Math.floor(Math.random() * CLIENTS)]!
      calls.push(
        one.fetch(url).then(
          async (response) => {
            await response.arrayBuffer()
            if (response.ok) bucket.good++
          },
          () => undefined,
        ),
      )
      next += -Math.log(1 - Math.random()) * (1000 / RATE)
    }
    if (Math.floor(now / 1000) > second) {
      second = Math.floor(now / 1000)
      bar.tick()
    }
    await wait(2)
  }
  await Promise.all(calls)
  server.kill()
  const from = SECONDS.before * 2
  const lost = buckets.slice(from).reduce((sum, { offered, good }) => sum + offered - good, 0)
  const end = (SECONDS.before + SECONDS.trouble) * 2
  const last = buckets.findLastIndex(({ offered, good }, index) => index >= end && good < offered * 0.9)
  const recovery = last < 0 ? 0 : last === buckets.length - 1 ? Infinity : (last - end + 1) / 2
  // what the trouble leaves of the capacity: 200 requests a second times 0.2
  return { lost, floor: Math.round((RATE - 40) * SECONDS.trouble), recovery }
}
