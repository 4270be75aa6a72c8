/** Misuse that must not compile. */
import { counter, gauge, histogram, httpMetrics, metricsEndpoint } from '../index.ts'

const orders = counter({ name: 'orders_total', help: 'Orders', labelNames: ['status', 'country'] })
const boots = counter({ name: 'boots_total', help: 'Boots' })
const wait = histogram({ name: 'wait_seconds', help: 'Waits', labelNames: ['route'] })
const queue = gauge({ name: 'queue_length', help: 'Queue' })

orders.inc({ status: 'paid', country: undefined })
boots.inc()
boots.inc(2)
wait.observe({ route: '/' }, 0.1)
queue.set(3)
orders.bind({ status: 'paid', country: 'IE' }).inc(2)

// @ts-expect-error a label is missing
orders.inc({ status: 'paid' })
// @ts-expect-error there is no such label
orders.inc({ status: 'paid', country: 'IE', customer: 'ada' })
// @ts-expect-error labels are needed
orders.inc()
// @ts-expect-error there are no labels
boots.inc({ status: 'paid' })
// @ts-expect-error an object is no label value
wait.observe({ route: {} }, 0.1)
// @ts-expect-error a value is needed
queue.set()
// @ts-expect-error labels first, then the value
wait.observe(0.1, { route: '/' })
// @ts-expect-error no such option
httpMetrics({ registry: undefined })
// @ts-expect-error a duration has a unit
counter({ name: 'a_total', help: 'A', idle: 'soon' })
// @ts-expect-error who may ask is decided, not named
metricsEndpoint({ allow: '10.0.0.0/8' })
