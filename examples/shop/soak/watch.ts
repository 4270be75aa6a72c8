import { setTimeout as sleep } from 'node:timers/promises'

import { alertmanager, prometheus } from '@shop/testkit'

import { alertmanagerConfig } from '../../../packages/metrics/config/alertmanager.ts'
import { ruleFiles } from '../../../packages/metrics/config/rules.ts'

/** A Prometheus with the shipped rules and an Alertmanager with the shipped inhibitions, both with nothing to remember. */
export interface Watch extends AsyncDisposable {
  /** What Alertmanager would tell people now: what is inhibited is not told. */
  telling(): Promise<ReadonlySet<string>>
  /** What is wrong by Prometheus, told or hidden or not yet lasting long enough. */
  holding(): Promise<ReadonlySet<string>>
}

/** Every duration of the rules, shortened so that a fault takes seconds. */
const SCALE = 1 / 30
/** The rules that compare with a quarter of an hour ago need as much to look back on, and two scrapes more. */
const HISTORY_MS = 15 * 60_000 * SCALE + 15_000

/** Begins to watch a shop, and has enough to look back on when it is given. */
export async function watching(port: number): Promise<Watch> {
  await using opened = new AsyncDisposableStack()
  const shipped = alertmanagerConfig()
  const inhibitions = shipped.slice(shipped.indexOf('inhibit_rules:'), shipped.indexOf('receivers:'))
  const sender = opened.use(
    await alertmanager(
      `route: { receiver: none, group_wait: 0s, group_interval: 1s }\n${inhibitions}receivers: [{ name: none }]\n`,
    ),
  )
  const watcher = opened.use(
    await prometheus({
      config: `global: { scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s }
rule_files: ['*.rules.yml']
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:${sender.port}'] }] }] }
scrape_configs: [{ job_name: shop, static_configs: [{ targets: ['127.0.0.1:${port}'] }] }]`,
      files: ruleFiles(SCALE),
    }),
  )
  await sleep(HISTORY_MS)
  const kept = opened.move()
  return {
    async telling() {
      const alerts = await ask<readonly Told[]>(
        `${sender.url}/api/v2/alerts?active=true&inhibited=false&silenced=false`,
      )
      const now = alerts.filter(({ endsAt }) => Date.parse(endsAt) > Date.now())
      return new Set(now.map(({ labels }) => labels.alertname))
    },
    async holding() {
      const { data } = await ask<{ data: { alerts: readonly Told[] } }>(`${watcher.url}/api/v1/alerts`)
      return new Set(data.alerts.map(({ labels }) => labels.alertname))
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

interface Told {
  readonly labels: { readonly alertname: string }
  readonly endsAt: string
}

async function ask<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T
}
