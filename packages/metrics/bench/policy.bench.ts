/** What `httpMetrics()` itself costs a request, without the adapter and the network. */
import { benchTable, interleave } from '@shop/testkit/bench'
import { view } from '@shop/testkit/view'
import { Registry } from 'prom-client'

import { httpMetrics, tracing } from '../src/index.ts'

const routes = ['/', '/orders/:id', '/cart', '/products/:slug', '/checkout']
// what a request is made of is not what is measured
const requests = Array.from({ length: 20_000 }, (_, i) =>
  view({ route: routes[i % 5]!, headers: { 'content-length': '120' } }),
)
const plain = httpMetrics({ register: new Registry(), bodySizes: false })
const sizes = httpMetrics({ register: new Registry() })
const trace = tracing({ sample: 0.1 })
let i = 0
const run = (policy: typeof plain) => () => {
  const request = requests[i++ % requests.length]!
  void policy.evaluate!(request)
  policy.settle!({
    request,
    kind: 'finished',
    status: 200,
    seconds: (i % 100) / 500,
    bytes: 1024,
    denied: undefined,
    error: undefined,
  })
}
const cost = await interleave({
  plain: run(plain),
  sizes: run(sizes),
  trace: () => trace.evaluate!(requests[i++ % requests.length]!) as undefined,
})
benchTable([
  { name: 'httpMetrics, one request', ours: cost.plain.us, goal: '<= 3', unit: 'us' },
  { name: 'httpMetrics with body sizes, one request', ours: cost.sizes.us, goal: '<= 3', unit: 'us' },
  { name: 'tracing, one request', ours: cost.trace.us, unit: 'us' },
])
