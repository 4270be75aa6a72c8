import type { Alert, Case } from './alert.ts'
import { ruleSets } from './groups.ts'
import { carried, ruleFiles } from './rules.ts'
import { toYaml } from './yaml.ts'

/** promtool's unit tests by file name: for each alert data on which it fires, and data on which it does not. */
export function ruleTestFiles(): Readonly<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const { name, alerts } of ruleSets) {
    for (const step of new Set(alerts.flatMap(({ fires, quiet }) => [stepOf(fires), stepOf(quiet)]))) {
      const tests = alerts.flatMap((alert) => [
        ...(stepOf(alert.fires) === step ? [firing(alert, step)] : []),
        ...(stepOf(alert.quiet) === step ? [silent(alert, step)] : []),
      ])
      // what is recorded is there before the alerts ask for it
      const order = ['recordings', 'critical', 'warning', 'business'].map((group) => `shop-${name}-${group}`)
      const present = order.filter((group) => ruleFiles()[`${name}.rules.yml`]!.includes(`"${group}"`))
      const whole = toYaml({
        rule_files: [`../${name}.rules.yml`],
        evaluation_interval: step,
        group_eval_order: present,
        tests,
      })
      files[`${name}.${step}.test.yml`] =
        `# Generated from config/ by \`node config/generate.ts\` in packages/metrics; change it there.${whole}`
    }
  }
  return files
}

function stepOf({ step = '1m' }: Case): string {
  return step
}

function firing(alert: Alert, step: string) {
  const { labels, annotations } = carried(alert)
  const all = { ...alert.fires.labels, ...labels }
  return test(`${alert.name} fires`, alert.name, step, alert.fires, [
    {
      exp_labels: all,
      exp_annotations: Object.fromEntries(Object.entries(annotations).map(([name, text]) => [name, filled(text, all)])),
    },
  ])
}

function silent(alert: Alert, step: string) {
  return test(`${alert.name} stays quiet`, alert.name, step, alert.quiet, [])
}

function test(
  name: string,
  alertname: string,
  interval: string,
  { series, at = '20m' }: Case,
  expected: readonly {
    readonly exp_labels: Record<string, string>
    readonly exp_annotations: Record<string, string>
  }[],
) {
  return {
    name,
    interval,
    input_series: series.map(([input, values]) => ({ series: input, values })),
    alert_rule_test: [{ eval_time: at, alertname, exp_alerts: expected }],
  }
}

function filled(text: string, labels: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, name: string) => labels[name] ?? '')
}
