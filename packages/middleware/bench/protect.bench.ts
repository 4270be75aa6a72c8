// What protecting an endpoint costs: server CPU a request, against the same endpoint bare and behind today's middlewares.
import { benchTable } from '@shop/testkit/bench'
import { httpBench } from '@shop/testkit/http-bench'

const FRAMEWORKS = ['express', 'fastify'] as const
const VARIANTS = ['bare', 'empty', 'policies', 'peers'] as const
const arms = FRAMEWORKS.flatMap((framework) => VARIANTS.map((variant) => `${framework} ${variant}` as const))

const costs = await httpBench(new URL('server.ts', import.meta.url), arms, {
  request: async (arm, url) => {
    await sameAnswers(arm, url)
    return { path: '/orders/7', headers: { 'sec-fetch-site': 'same-origin' } }
  },
})

/** No arm may be cheap by doing less: the same thirteen headers, the same refusal. */
async function sameAnswers(arm: string, url: string): Promise<void> {
  if (arm.endsWith('bare') || arm.endsWith('empty')) return
  const good = await fetch(`${url}/orders/7`)
  const forged = await fetch(`${url}/orders`, { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } })
  const wanted = [
    'content-security-policy',
    'strict-transport-security',
    'x-frame-options',
    'x-content-type-options',
    'referrer-policy',
  ]
  for (const response of [good, forged]) {
    for (const name of wanted) if (!response.headers.has(name)) throw new Error(`${arm}: no ${name}`)
  }
  if (good.status !== 200 || forged.status !== 403)
    throw new Error(`${arm}: ${good.status}, and ${forged.status} for a forged request`)
  if (!forged.headers.get('content-type')?.startsWith('application/problem+json'))
    throw new Error(`${arm}: the refusal is no problem document`)
}

benchTable(
  FRAMEWORKS.flatMap((framework) => {
    const bare = costs[`${framework} bare`].cpu
    const against = (variant: (typeof VARIANTS)[number], goal?: `<= ${number}`) => ({
      name: `${framework} ${variant} vs bare`,
      ours: costs[`${framework} ${variant}`].cpu,
      peer: bare,
      unit: 'us',
      ...(goal && { goal }),
    })
    return [
      against('empty', '<= 1.03'),
      against('policies', '<= 1.3'),
      against('peers'),
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
