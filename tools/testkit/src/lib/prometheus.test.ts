import { expect, test } from 'vitest'

import { needs } from './needs.ts'
import { alertmanager, prometheus } from './prometheus.ts'

test('a rule that fires arrives in the Alertmanager', async (ctx) => {
  needs(ctx, 'prometheus')
  needs(ctx, 'alertmanager')
  await using alerts = await alertmanager('route: { receiver: none }\nreceivers: [{ name: none }]\n')
  await using server = await prometheus({
    config: `
global: { evaluation_interval: 100ms }
rule_files: [rules.yml]
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:${alerts.port}'] }] }] }
`,
    files: { 'rules.yml': 'groups: [{ name: g, rules: [{ alert: Always, expr: vector(1) }] }]\n' },
  })
  const names = async (): Promise<string[]> => {
    const answer = (await (await fetch(`${alerts.url}/api/v2/alerts`)).json()) as { labels: { alertname: string } }[]
    return answer.map(({ labels }) => labels.alertname)
  }
  expect((await fetch(`${server.url}/-/healthy`)).status).toBe(200)
  await expect.poll(names, { timeout: 20_000, interval: 200 }).toEqual(['Always'])
})

test('a bad configuration is told with what Prometheus said', async (ctx) => {
  needs(ctx, 'prometheus')
  await expect(prometheus({ config: 'nonsense: true\n' })).rejects.toThrow('field nonsense not found')
})
