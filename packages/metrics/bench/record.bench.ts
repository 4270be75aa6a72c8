/** What one request costs to record: a counter and a histogram of fifteen buckets, three labels. */
import { metrics } from '@opentelemetry/api'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import {
  Counter as SuccessorCounter,
  Histogram as SuccessorHistogram,
  Registry as SuccessorRegistry,
} from '@prometheus-io/client'
import { benchTable, interleave } from '@shop/testkit/bench'
import { Counter, Histogram, Registry } from 'prom-client'

import { counter, histogram, HTTP_BUCKETS } from '../src/index.ts'

const labelNames = ['method', 'route', 'status'] as const
const METHODS = ['GET', 'POST']
const ROUTES = ['/', '/orders/:id', '/cart', '/products/:slug', '/checkout']
const STATUSES = ['200', '404', '500']
let i = 0
const labels = () => {
  i++
  return { method: METHODS[i % 2]!, route: ROUTES[i % 5]!, status: STATUSES[i % 3]! }
}
const value = () => (i % 100) / 500

const register = new Registry()
const ours = {
  requests: counter({ name: 'a_total', help: 'a', labelNames, register }),
  duration: histogram({ name: 'b_seconds', help: 'b', labelNames, buckets: HTTP_BUCKETS, register }),
}
const bound = { requests: ours.requests.bind(labels()), duration: ours.duration.bind(labels()) }

const theirs = new Registry()
const prom = {
  requests: new Counter({ name: 'a_total', help: 'a', labelNames, registers: [theirs] }),
  duration: new Histogram({
    name: 'b_seconds',
    help: 'b',
    labelNames,
    buckets: [...HTTP_BUCKETS],
    registers: [theirs],
  }),
}
const next = new SuccessorRegistry()
const successor = {
  requests: new SuccessorCounter({ name: 'a_total', help: 'a', labelNames, registers: [next] }),
  duration: new SuccessorHistogram({
    name: 'b_seconds',
    help: 'b',
    labelNames,
    buckets: [...HTTP_BUCKETS],
    registers: [next],
  }),
}
class Silent extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [new Silent()] }))
const meter = metrics.getMeter('bench')
const otel = {
  requests: meter.createCounter('a'),
  duration: meter.createHistogram('b', { advice: { explicitBucketBoundaries: [...HTTP_BUCKETS] } }),
}

const cost = await interleave({
  ours: () => {
    const set = labels()
    ours.requests.inc(set)
    ours.duration.observe(set, value())
  },
  bound: () => {
    i++
    bound.requests.inc()
    bound.duration.observe(value())
  },
  prom: () => {
    const set = labels()
    prom.requests.inc(set)
    prom.duration.observe(set, value())
  },
  successor: () => {
    const set = labels()
    successor.requests.inc(set)
    successor.duration.observe(set, value())
  },
  otel: () => {
    const set = labels()
    otel.requests.add(1, set)
    otel.duration.record(value(), set)
  },
})
const ns = (name: keyof typeof cost) => cost[name].us * 1000
benchTable(
  (['prom', 'successor', 'otel'] as const).flatMap((peer) => [
    {
      name: `counter+histogram, label objects vs ${peer}`,
      ours: ns('ours'),
      peer: ns(peer),
      goal: '<= 0.125' as const,
      unit: 'ns',
    },
    {
      name: `counter+histogram, bound vs ${peer}`,
      ours: ns('bound'),
      peer: ns(peer),
      goal: '<= 0.025' as const,
      unit: 'ns',
    },
  ]),
)
