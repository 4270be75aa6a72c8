import type { Alert } from './alert.ts'
import { groupOf, type GroupName, ruleSets } from './groups.ts'
import { toYaml } from './yaml.ts'

const GENERATED = '# Generated from config/ by `node config/generate.ts` in packages/metrics; change it there.'

/** The labels and annotations an alert carries beside those of its expression. */
export function carried(alert: Alert): {
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>
} {
  const { name, severity, team, summary, action, exemplars } = alert
  return {
    labels: { severity, team },
    annotations: {
      summary,
      description: action,
      // the file beside the rules, until `init --runbook` says where it is kept
      runbook_url: `runbook.md#${name.toLowerCase()}`,
      ...(exemplars !== undefined && { exemplars }),
    },
  }
}

/** The rule files by name, each with its groups. `scale` shortens every duration, for tests that cannot wait. */
export function ruleFiles(scale = 1): Readonly<Record<string, string>> {
  const interval = scale === 1 ? {} : { interval: '1s' }
  const files = ruleSets.map(({ name, recordings, alerts }) => {
    const recorded = recordings.map(({ record, expr }) => ({ record, expr: scaled(expr, scale) }))
    const groups = (['critical', 'warning', 'business'] satisfies GroupName[]).map((group) => ({
      name: `shop-${name}-${group}`,
      ...interval,
      rules: alerts.filter((alert) => groupOf(alert) === group).map((alert) => toRule(alert, scale)),
    }))
    const all = [{ name: `shop-${name}-recordings`, ...interval, rules: recorded }, ...groups]
    return [`${name}.rules.yml`, `${GENERATED}${toYaml({ groups: all.filter(({ rules }) => rules.length > 0) })}`]
  })
  return Object.fromEntries(files) as Record<string, string>
}

function toRule(alert: Alert, scale: number) {
  const { name, expr, for: lasting = '5m' } = alert
  return { alert: name, expr: scaled(expr, scale), for: scaled(lasting, scale), ...carried(alert) }
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Durations in an expression made shorter; never below a second. */
function scaled(text: string, scale: number): string {
  if (scale === 1) return text
  return text.replaceAll(/(?<=\[|offset |^)(\d+)([smhdw])\b/g, (_, count: string, unit: string) => {
    const ms = Math.round(Number(count) * UNITS[unit]! * 1000 * scale)
    return ms === 0 ? '0s' : `${Math.max(ms, 1000)}ms`
  })
}
