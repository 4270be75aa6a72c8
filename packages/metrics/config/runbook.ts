import { alerts, groupOf } from './groups.ts'

const TITLES = {
  critical: 'Critical: wakes somebody',
  warning: 'Warning: waits until morning',
  business: 'Business',
} as const

/** The runbook every alert links to: what it means, when it fires, what to do; `guide` is what leads on from there. */
export function runbook(guide: string): string {
  const parts = Object.entries(TITLES).map(([group, title]) => {
    const members = alerts.filter((alert) => groupOf(alert) === group).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const entries = members.map(({ name, summary, action, expr, severity, team, for: lasting = '5m' }) =>
      [
        `### ${name}`,
        `${summary.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, '*$1*')}.`,
        `**Do:** ${action}`,
        `Fires (${severity}, ${team}) when this lasts ${lasting === '0s' ? 'at all' : lasting}:`,
        `\`\`\`promql\n${expr}\n\`\`\``,
      ].join('\n\n'),
    )
    return `## ${title}\n\n${entries.join('\n\n')}`
  })
  return `# Runbook\n\n<!-- Generated from packages/metrics/config by \`node config/generate.ts\` there; change it there. -->\n\nEach alert of @shop/metrics, by name. ${guide} tells how to get from an alert to its cause.\n\n${parts.join('\n\n')}\n`
}
