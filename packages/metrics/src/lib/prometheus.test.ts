import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { protect } from '@shop/middleware/node'
import type { Policy } from '@shop/middleware'
import { alertmanager, describeWith, prometheus } from '@shop/testkit'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { ruleFiles } from '../../config/rules.ts'
import { counter } from './counter.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'
import { httpMetrics } from './http-metrics.ts'
import { traceMixin } from './log-correlation.ts'
import { metricsEndpoint } from './metrics-endpoint.ts'
import { CONTENT_TYPES } from './negotiate.ts'
import { type AlertNotification, withTraces } from './notification-traces.ts'
import { tracing } from './tracing.ts'

describeWith('prometheus', 'a real Prometheus', () => {
  it('scrapes every format, compressed, and reads the same from each', async () => {
    const register = new Registry()
    counter({ name: 'hits_total', help: 'Hits', labelNames: ['x'], register }).inc({ x: 'quote " and \n line' }, 3)
    const wait = histogram({
      name: 'wait_seconds',
      help: 'Waits',
      buckets: [1, 5],
      native: true,
      exemplars: true,
      register,
    })
    for (const value of [0.5, 2, 100, -1, 0])
      wait.observe(value, { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true })
    const seen = new Set<string>()
    await using app = await serving(
      metricsEndpoint({ register }),
      asking('/text', CONTENT_TYPES.text, register, seen),
      asking('/openmetrics', CONTENT_TYPES.openmetrics, register, seen),
      asking('/protobuf', CONTENT_TYPES.protobuf, register, seen),
    )
    const jobs = ['text', 'openmetrics', 'protobuf'].map(
      (name) =>
        `  - job_name: ${name}\n    metrics_path: /${name}\n    static_configs: [{ targets: ['127.0.0.1:${app.port}'] }]`,
    )
    await using server = await prometheus({
      config: `global: { scrape_interval: 500ms }\nscrape_configs:\n${jobs.join('\n')}\n`,
      args: ['--enable-feature=native-histograms,exemplar-storage'],
    })
    for (const job of ['text', 'openmetrics', 'protobuf']) {
      expect([job, await value(server.url, `hits_total{job="${job}"}`)]).toEqual([job, 3])
    }
    for (const job of ['text', 'openmetrics']) {
      expect(await value(server.url, `wait_seconds_count{job="${job}"}`)).toBe(5)
      expect(await value(server.url, `wait_seconds_bucket{job="${job}",le="5.0"}`)).toBe(4)
    }
    // a native histogram comes by protobuf only
    expect(await value(server.url, 'histogram_count(wait_seconds{job="protobuf"})')).toBe(5)
    expect(await value(server.url, 'histogram_sum(wait_seconds{job="protobuf"})')).toBe(101.5)
    expect(await value(server.url, 'histogram_quantile(1, wait_seconds{job="protobuf"})')).toBeGreaterThan(95)
    const exemplars = await (
      await fetch(
        `${server.url}/api/v1/query_exemplars?query=wait_seconds_bucket&start=${Date.now() / 1000 - 600}&end=${Date.now() / 1000 + 60}`,
      )
    ).text()
    expect(exemplars).toContain('a'.repeat(32))
    expect(seen).toEqual(new Set(['gzip']))
    expect(server.log()).not.toMatch(/level=(warn|error).*scrape/i)
  })
})

describe('the chain', () => {
  it('goes from the shop through Prometheus and Alertmanager to a webhook, and back when it is over', async () => {
    const received: (AlertNotification & { status: string })[] = []
    const logged: { outcome: string; trace_id: string; request_id: string }[] = []
    const register = new Registry()
    const breaker = gauge({ name: 'shop_breaker_state', help: 'State', labelNames: ['breaker', 'state'], register })
    breaker.set({ breaker: 'payments', state: 'open' }, 1)
    const webhook: Policy = {
      name: 'webhook',
      async evaluate(request) {
        if (request.path !== '/webhook') return undefined
        received.push(JSON.parse(Buffer.from(await request.bytes(100_000)).toString()))
        return { answer: { status: 200 } }
      },
    }
    const shop: Policy = {
      name: 'shop',
      evaluate(request) {
        if (!request.path.startsWith('/shop')) return undefined
        const outcome = request.path === '/shop/broken' ? 'failed' : 'served'
        logged.push({ outcome, ...traceMixin() } as (typeof logged)[number])
        return { answer: { status: outcome === 'failed' ? 500 : 200 } }
      },
    }
    const measured = httpMetrics({ register, ignorePaths: ['/metrics', '/webhook'] })
    await using app = await serving(tracing({ sample: 1 }), measured, metricsEndpoint({ register }), webhook, shop)
    const started = performance.now()
    await using sender =
      await alertmanager(`route: { receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s }
receivers: [{ name: hook, webhook_configs: [{ url: 'http://127.0.0.1:${app.port}/webhook' }] }]`)
    await using server = await prometheus({
      config: `global: { scrape_interval: 500ms, evaluation_interval: 500ms }
rule_files: ['*.rules.yml']
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:${sender.port}'] }] }] }
scrape_configs: [{ job_name: shop, static_configs: [{ targets: ['127.0.0.1:${app.port}'] }] }]`,
      files: ruleFiles(1 / 120),
      args: ['--enable-feature=exemplar-storage'],
    })
    const visit = (path: string): Promise<unknown> => fetch(`http://127.0.0.1:${app.port}${path}`)
    const visiting = setInterval(() => void Promise.all([visit('/shop/broken'), visit('/shop')]), 100)
    await using _visits = { [Symbol.asyncDispose]: async () => clearInterval(visiting) }
    const told = async (status: string, alertname = 'ShopBreakerOpen'): Promise<(typeof received)[number]> => {
      for (;;) {
        const found = received.find(
          (message) => message.status === status && message.alerts[0]?.labels['alertname'] === alertname,
        )
        if (found) return found
        if (performance.now() - started > 30_000)
          throw new Error(`no ${status} within 30 s: ${server.log().slice(-2000)}`)
        await sleep(100)
      }
    }
    const fired = await told('firing')
    expect(fired.alerts[0]).toMatchObject({
      labels: { breaker: 'payments', severity: 'warning', team: 'platform' },
      annotations: { summary: 'The breaker payments is open: calls fail at once' },
    })

    // which requests are behind an alert, its notification says: those that failed, by the ids of their log lines
    const traced = withTraces({ prometheus: server.url })
    const burning = await traced(await told('firing', 'ShopErrorBudgetBurnFast'))
    const { trace_ids = '', request_ids = '' } = burning.alerts[0]!.annotations
    const failed = logged.filter(({ outcome }) => outcome === 'failed')
    expect(trace_ids.split(', ')).toHaveLength(5)
    expect(failed.map(({ trace_id }) => trace_id)).toEqual(expect.arrayContaining(trace_ids.split(', ')))
    expect(failed.map(({ request_id }) => request_id)).toEqual(expect.arrayContaining(request_ids.split(', ')))
    expect(await traced(fired)).toEqual(fired)

    breaker.set({ breaker: 'payments', state: 'open' }, 0)
    await told('resolved')
    expect(performance.now() - started).toBeLessThan(30_000)
  }, 45_000)
})

/** `/metrics` in one format only, whatever the scraper prefers. */
function asking(path: string, accept: string, register: Registry, seen: Set<string>): Policy {
  const endpoint = metricsEndpoint({ register, path })
  return {
    name: `metrics${path}`,
    evaluate(request) {
      if (request.path !== path) return undefined
      const header = (name: string): string | undefined => (name === 'accept' ? accept : request.header(name))
      seen.add(request.header('accept-encoding') ?? '')
      return endpoint.evaluate!({ method: request.method, path, ip: request.ip, header } as never)
    },
  }
}

async function serving(...policies: Policy[]): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer(protect(...policies)((_, response) => void response.end())).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function value(url: string, query: string): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const { data } = (await (await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`)).json()) as {
      data: { result: { value: [number, string] }[] }
    }
    if (data.result[0]) return Number(data.result[0].value[1])
    await sleep(100)
  }
  throw new Error(`no answer to ${query}`)
}
