import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

import { needs } from '@shop/testkit'
import { describe, expect, it } from 'vitest'

import { ROUTES } from '../../config/alertmanager.ts'
import { dashboards } from '../../config/dashboards/all.ts'
import { alerts, groupOf } from '../../config/groups.ts'
import { ruleTestFiles } from '../../config/rule-tests.ts'
import { shippedFiles } from '../../config/shipped.ts'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../..')
const read = (name: string): string => readFileSync(path.join(root, name), 'utf8')

describe('the shipped configuration', () => {
  it('is what its source generates', async () => {
    for (const [name, text] of Object.entries(await shippedFiles()))
      expect({ [name]: read(name) }).toEqual({ [name]: text })
  })

  it('has at least sixty alerts in three groups, each with its own name, action and two cases', () => {
    expect(alerts.length).toBeGreaterThanOrEqual(60)
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length)
    expect(new Set(alerts.map(groupOf))).toEqual(new Set(['critical', 'warning', 'business']))
    for (const { name, action, summary, fires, quiet } of alerts) {
      expect(name).toMatch(/^Shop[A-Z][A-Za-z]+$/)
      expect(action.length).toBeGreaterThan(30)
      expect(summary.length).toBeLessThan(100)
      expect(quiet).not.toEqual(fires)
    }
  })

  it('asks for no metric that nothing writes', () => {
    const sources = [
      'http-metrics',
      'db-metrics',
      'pg-server-metrics',
      'runtime-metrics',
      'business-metrics',
      'observations',
      'health',
      'cluster-joined',
    ]
    const written = sources.map((name) => read(`src/lib/${name}.ts`)).join('')
    const asked = [
      ...alerts.flatMap(({ expr, exemplars = '' }) => [expr, exemplars]),
      ...dashboards.flatMap(({ rows }) =>
        Object.values(rows)
          .flat()
          .flatMap(({ queries }) => queries.map(([expr]) => expr)),
      ),
    ]
    const names = new Set(
      asked.flatMap((expr) =>
        [...expr.matchAll(/\b(?:http|db|nodejs|v8js|process|postgresql|shop)_\w+(?=[{[ )]|$)/g)].map(([name]) =>
          name.replace(/_(bucket|sum|count)$/, ''),
        ),
      ),
    )
    const labels =
      /^(http_(route|request_method|response_status_code)|db_\w*(name|state)|v8js_(gc_type|heap_space_name))$/
    const unknown = [...names].filter(
      (name) =>
        !labels.test(name) &&
        !written.includes(`'${name}`) &&
        !written.includes(`'${name}_count`) &&
        !/^nodejs_eventloop_delay_/.test(name),
    )
    expect(unknown).toEqual([])
    expect(names.size).toBeGreaterThan(60)
  })

  it('passes promtool check', async (ctx) => {
    const { programs } = needs(ctx, 'prometheus')
    const { stdout } = await run(programs['promtool']!, ['check', 'config', 'prometheus/prometheus.yml'], { cwd: root })
    expect(stdout).not.toMatch(/FAILED/)
  })

  it.concurrent.each(Object.keys(ruleTestFiles()))(
    'fires and stays quiet as %s says',
    async (name) => {
      const { programs } = needs({ skip: () => undefined as never }, 'prometheus')
      await run(programs['promtool']!, ['test', 'rules', `prometheus/tests/${name}`], { cwd: root })
    },
    120_000,
  )
})

describe('the Alertmanager configuration', () => {
  it('is valid', async (ctx) => {
    const { programs } = needs(ctx, 'alertmanager')
    const { stdout } = await run(programs['amtool']!, ['check-config', 'alertmanager/alertmanager.yml'], { cwd: root })
    expect(stdout).toContain('SUCCESS')
  })

  it.each(ROUTES.map(([labels, receivers]) => [labels['alertname']!, labels, receivers] as const))(
    'sends %s where it belongs',
    async (_, labels, receivers) => {
      const { programs } = needs({ skip: () => undefined as never }, 'alertmanager')
      const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
      const { stdout } = await run(
        programs['amtool']!,
        [
          'config',
          'routes',
          'test',
          '--config.file=alertmanager/alertmanager.yml',
          `--verify.receivers=${receivers.join(',')}`,
          ...pairs,
        ],
        { cwd: root },
      )
      expect(stdout.trim()).toBe(receivers.join(','))
    },
  )

  it('holds no secret, only files that hold one', () => {
    const text = read('alertmanager/alertmanager.yml')
    expect(text).not.toMatch(/(api_url|routing_key|password|credentials|token): /)
    expect(text.match(/_file: /g)?.length).toBeGreaterThanOrEqual(4)
  })
})

interface Panel {
  readonly type: string
  readonly title: string
  readonly description: string
  readonly datasource: { readonly uid: string }
  readonly fieldConfig: { readonly defaults: { readonly unit: string } }
  readonly targets: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[]
}

/** The rules of grafana/dashboard-linter, as its documentation states them. */
describe.each(dashboards.map(({ uid, title }) => [title, uid] as const))('the dashboard %s', (title, uid) => {
  const board = JSON.parse(read(`grafana/dashboards/${uid}.json`)) as {
    readonly editable: boolean
    readonly panels: readonly Panel[]
    readonly templating: { readonly list: readonly Readonly<Record<string, unknown>>[] }
  }
  const panels = board.panels.filter(({ type }) => type !== 'row')
  const targets = panels.flatMap((panel) => panel.targets.map((target) => [panel.title, target.expr] as const))

  it('has the variables datasource, job and instance as the linter wants them', () => {
    const [datasource, ...labels] = board.templating.list
    expect(datasource).toMatchObject({
      name: 'datasource',
      label: 'Data source',
      type: 'datasource',
      query: 'prometheus',
    })
    for (const [i, name] of ['job', 'instance'].entries()) {
      expect(labels[i]).toMatchObject({
        name,
        label: name,
        type: 'query',
        multi: true,
        allValue: '.+',
        refresh: 2,
        datasource: { uid: '$datasource' },
      })
    }
  })

  it('has panels with title, description, unit and the chosen data source, and cannot be edited by accident', () => {
    expect(board.editable).toBe(false)
    expect(panels.length).toBeGreaterThanOrEqual(8)
    for (const panel of panels) {
      expect(panel.title).not.toBe('')
      expect(panel.description).not.toBe('')
      expect(panel.fieldConfig.defaults.unit).not.toBe('')
      expect(panel.datasource.uid).toBe('$datasource')
      expect(panel.targets.length).toBeGreaterThan(0)
      for (const target of panel.targets) expect(target.datasource.uid).toBe('$datasource')
    }
  })

  it('selects by job and instance, and reads counters by their rate over the right interval', () => {
    for (const [panel, expr] of targets) {
      for (const [selector, metric] of expr.matchAll(/([a-zA-Z_:][\w:]*)\{[^}]*\}/g)) {
        if (metric !== 'ALERTS') expect(`${panel}: ${selector}`).toMatch(/job=~"\$job", instance=~"\$instance"/)
        if (/_(total|sum|bucket|seconds_count)$/.test(metric!))
          expect(`${panel}: ${expr}`).toMatch(
            new RegExp(`(rate|increase)\\(${metric}\\{[^}]*\\}\\[\\$__rate_interval\\]\\)`),
          )
      }
      for (const [, range] of expr.matchAll(/\[([^\]]+)\]/g))
        expect([panel, range]).toEqual([panel, '$__rate_interval'])
    }
  })

  it('breaks the linter rules it is excused from, and no others', () => {
    const bare = targets.filter(([, expr]) => expr.includes('ALERTS'))
    expect(bare.length > 0).toBe(title === 'Shop / Alerts')
  })
})
