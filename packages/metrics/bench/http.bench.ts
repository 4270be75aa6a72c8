/** What measuring costs a request, on Express and Fastify: server CPU above the bare application. */
import { benchTable } from '@shop/testkit/bench'
import { httpBench } from '@shop/testkit/http-bench'

const short = process.argv.includes('--short')
const arms = ['bare', 'adapter', 'ours', 'sizes', 'peer'] as const
const options = { request: { path: '/orders/7' }, requests: short ? 4000 : 10_000, rounds: short ? 5 : 9 }
const rows = []
for (const [framework, peer, goal] of [
  ['express', 'express-prom-bundle', '<= 3'],
  ['fastify', 'fastify-metrics', '<= 4'],
] as const) {
  const costs = await httpBench(
    new URL('http-arms.ts', import.meta.url),
    arms.map((arm) => `${framework}-${arm}` as const),
    options,
  )
  const cpu = (arm: (typeof arms)[number]): number => costs[`${framework}-${arm}`].cpu
  const above = (arm: (typeof arms)[number], base: (typeof arms)[number] = 'bare'): number => cpu(arm) - cpu(base)
  rows.push(
    { name: `${framework}: httpMetrics above the adapter`, ours: above('ours', 'adapter'), goal, unit: 'us' } as const,
    { name: `${framework}: adapter and httpMetrics above bare`, ours: above('ours'), goal, unit: 'us' } as const,
    { name: `${framework}: the same with body sizes`, ours: above('sizes'), unit: 'us' } as const,
    { name: `${framework}: above bare vs ${peer}`, ours: above('ours'), peer: above('peer'), unit: 'us' } as const,
  )
}
benchTable(rows)
