// What protecting a POST of a 200-byte order costs: server CPU a request, interleaved with the same endpoint bare.
import { benchTable } from '@shop/testkit/bench'
import { httpBench } from '@shop/testkit/http-bench'

import { order } from './orders.ts'

const frameworks = ['express', 'fastify'] as const
const variants = ['bare', 'headers', 'helmet', 'policies', 'peers'] as const
const only = process.argv[2]
const arms = frameworks
  .filter((framework) => only === undefined || framework === only)
  .flatMap((framework) => variants.map((variant) => `${framework} ${variant}` as const))

const costs = await httpBench(new URL('server.ts', import.meta.url), arms, {
  requests: Number(process.env['BENCH_REQUESTS'] ?? 1000),
  request: async (arm, url) => {
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'sec-fetch-site': 'same-origin',
      origin: url,
    }
    if (arm.endsWith('peers')) {
      const given = await fetch(`${url}/token`)
      headers['x-csrf-token'] = ((await given.json()) as { token: string }).token
      headers['cookie'] = given.headers.get('set-cookie')!.split(';')[0]!
    }
    await sameAnswers(arm, url, headers)
    return { method: 'POST', path: '/orders', headers, body: order }
  },
})

/** No arm may be cheap by doing less: the headers are there, the forged request and the wrong order are refused. */
async function sameAnswers(arm: string, url: string, headers: Record<string, string>): Promise<void> {
  const post = (more: Record<string, string>, body = order): Promise<globalThis.Response> =>
    fetch(`${url}/orders`, { method: 'POST', headers: { ...headers, ...more }, body })
  const good = await post({})
  if (good.status !== 200) throw new Error(`${arm}: ${good.status} ${await good.text()}`)
  if (arm.endsWith('bare')) return
  for (const name of ['content-security-policy', 'strict-transport-security', 'x-frame-options', 'referrer-policy']) {
    if (!good.headers.has(name)) throw new Error(`${arm}: no ${name}`)
  }
  if (!arm.endsWith('policies') && !arm.endsWith('peers')) return
  const forged = await post({
    'sec-fetch-site': 'cross-site',
    origin: 'https://evil.example',
    'x-csrf-token': 'forged',
  })
  const wrong = await post({}, '{"currency":"EUR","items":[]}')
  if (forged.status !== 403 && forged.status !== 500) throw new Error(`${arm}: ${forged.status} for a forged request`)
  if (wrong.status !== 422) throw new Error(`${arm}: ${wrong.status} for a wrong order`)
}

benchTable(
  frameworks.flatMap((framework) => {
    const bare = costs[`${framework} bare`]?.cpu
    if (bare === undefined) return []
    const row = (variant: (typeof variants)[number], goal?: `<= ${number}`) => ({
      name: `${framework} ${variant} vs bare`,
      ours: costs[`${framework} ${variant}`].cpu,
      peer: bare,
      unit: 'us',
      ...(goal && { goal }),
    })
    return [
      row('policies', framework === 'express' ? '<= 1.25' : '<= 1.4'),
      row('peers'),
      row('headers'),
      row('helmet'),
      {
        name: `${framework} policies vs peers`,
        ours: costs[`${framework} policies`].cpu,
        peer: costs[`${framework} peers`].cpu,
        unit: 'us',
        goal: '<= 1' as const,
      },
    ]
  }),
)
