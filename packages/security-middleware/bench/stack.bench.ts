// The whole stack on a POST of a 200-byte order: server CPU and memory, interleaved with the same endpoint bare; and in process.
import { view } from '@shop/testkit/view'
import { benchTable, interleave, type Row } from '@shop/testkit/bench'
import { httpBench } from '@shop/testkit/http-bench'
import type { Policy, RequestView } from '@shop/middleware'

import { inspect } from '../src/inspect.ts'
import { sanitizeInput } from '../src/sanitize.ts'
import { order, policies } from './orders.ts'

const frameworks = ['express', 'fastify'] as const
const arms = frameworks.flatMap((framework) =>
  (['bare', 'stack', 'peers'] as const).map((variant) => `${framework} ${variant}` as const),
)
const costs = await httpBench(new URL('stack-server.ts', import.meta.url), arms, {
  requests: Number(process.env['BENCH_REQUESTS'] ?? 1000),
  request: async (_arm, url) => ({
    method: 'POST',
    path: '/orders',
    headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin', origin: url },
    body: order,
  }),
})

const headers = {
  'content-type': 'application/json',
  'sec-fetch-site': 'same-origin',
  host: 'shop.example',
  'user-agent': 'Mozilla/5.0',
  'content-length': String(order.length),
}
const shared = view({
  method: 'POST',
  url: '/orders',
  headers,
  body: order,
  parsed: JSON.parse(order),
  route: '/orders',
})
const all: readonly Policy[] = [
  ...policies(['shop.example']),
  inspect({ mode: 'enforce' }),
  sanitizeInput({ fields: { note: 'html' } }),
]
const evaluating = all.filter(({ evaluate }) => evaluate)
const inspecting = all.filter(({ inspect: hook }) => hook)
// each policy's two hooks, one after the other, as an adapter calls them; the JSON itself is parsed by bare servers too
const { stack } = await interleave(
  {
    stack: async () => {
      const request: RequestView = { ...shared, raw: {} }
      for (const policy of evaluating) {
        const verdict = policy.evaluate!(request)
        if (verdict instanceof Promise) await verdict
      }
      for (const policy of inspecting) {
        const verdict = policy.inspect!(request)
        if (verdict instanceof Promise) await verdict
      }
    },
  },
  // so many that compilers have long settled: the first calls are a thousand times dearer
  { calls: 5_000, repeats: 9 },
)

const rows: Row[] = [{ name: 'all policies in process', ours: stack.us, unit: 'us', goal: '<= 10' }]
for (const framework of frameworks) {
  const [bare, ours, peers] = [costs[`${framework} bare`], costs[`${framework} stack`], costs[`${framework} peers`]]
  rows.push(
    {
      name: `${framework}: the stack vs bare`,
      ours: ours.cpu,
      peer: bare.cpu,
      unit: 'us',
      goal: framework === 'express' ? '<= 1.4' : '<= 1.6',
    },
    { name: `${framework}: the stack vs today’s peers`, ours: ours.cpu, peer: peers.cpu, unit: 'us', goal: '<= 1' },
    { name: `${framework}: memory more than bare`, ours: (ours.rss - bare.rss) / 1e6, unit: 'MB', goal: '<= 15' },
    { name: `${framework}: peers’ memory more than bare`, ours: (peers.rss - bare.rss) / 1e6, unit: 'MB' },
  )
}
benchTable(rows)
