// What inspecting costs: a body of 200 bytes, longer texts, and the worst of the hostile families at 64 KB and at twice that.
import { view } from '@shop/testkit/view'
import { benchTable, interleave, progress, type Row } from '@shop/testkit/bench'

import { families } from '../soak/adversarial.ts'
import { datadogEngine } from '../src/datadog.ts'
import { detect, inspect } from '../src/inspect.ts'
import { order } from './orders.ts'

const parsed = JSON.parse(order) as object
const policy = inspect({ mode: 'enforce' })
const request = view({
  method: 'POST',
  url: '/orders',
  parsed,
  headers: {
    'user-agent':
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    cookie: '__Host-session=0c8f0c0e3f0b4d5e',
  },
})
const review = `I bought this mug for my daughter and she loves it. The colour is "a bit" darker than in the picture (see above), but it's well made; 2 of 3 arrived without any damage & the seller was very kind!`
const engine = datadogEngine()

const costs = await interleave(
  {
    body: () => policy.inspect!(request),
    whole: () => (policy.evaluate!(request), policy.inspect!(request)),
    review: () => detect(review),
    libinjection: () => engine.run(request),
  },
  { calls: 4_000, repeats: 9 },
)
const rows: Row[] = [
  { name: `a body of ${order.length} bytes`, ours: costs.body.us, unit: 'us', goal: '<= 5' },
  {
    name: 'the same vs libinjection in Datadog’s module',
    ours: costs.body.us,
    peer: costs.libinjection.us,
    unit: 'us',
    goal: '<= 1',
  },
  { name: 'path, headers, cookies and that body', ours: costs.whole.us, unit: 'us' },
  { name: `a review of ${review.length} characters with quotes and brackets`, ours: costs.review.us, unit: 'us' },
]

const cost = (text: string): number => {
  let least = Infinity
  for (let i = 0; i < 5; i++) {
    const start = process.cpuUsage()
    detect(text)
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}
const shown = progress('families', Object.keys(families).length)
const measured = Object.entries(families).map(([name, family]) => {
  for (let i = 0; i < 3; i++) detect(family(65_536))
  const once = cost(family(65_536))
  const twice = cost(family(131_072))
  shown.tick()
  return { name, once, growth: twice / once }
})
shown.done()
const worst = measured.toSorted((a, b) => b.once - a.once)
rows.push({
  name: `64 KB, worst of ${measured.length} families (${worst[0]!.name})`,
  ours: worst[0]!.once,
  unit: 'ms',
  goal: '<= 10',
})
// below 2 ms a doubling is lost in the noise of the clock
const steep = measured.filter(({ once }) => once > 2).toSorted((a, b) => b.growth - a.growth)
if (steep[0])
  rows.push({ name: `twice the text, steepest (${steep[0].name})`, ours: steep[0].growth, unit: 'x', goal: '<= 2.2' })
for (const { name, once, growth } of worst.slice(1, 6))
  rows.push({ name: `64 KB of ${name} (twice: ${growth.toFixed(2)}x)`, ours: once, unit: 'ms', goal: '<= 10' })
engine[Symbol.dispose]()
benchTable(rows)
