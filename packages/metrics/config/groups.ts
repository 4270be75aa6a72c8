import type { Alert } from './alert.ts'
import { business } from './alerts/business.ts'
import { databases } from './alerts/database.ts'
import { resilience } from './alerts/resilience.ts'
import { runtime } from './alerts/runtime.ts'
import { seasons } from './alerts/seasonal.ts'
import { security } from './alerts/security.ts'
import { service } from './alerts/service.ts'
import { slo } from './alerts/slo.ts'
import { budgets, type Recording, usuals } from './recordings.ts'

/** One rule file: what it records, and what it alerts on. */
export interface RuleFile {
  readonly name: string
  readonly recordings: readonly Recording[]
  readonly alerts: readonly Alert[]
}

export const ruleSets: readonly RuleFile[] = [
  { name: 'slo', recordings: budgets, alerts: slo },
  { name: 'service', recordings: [], alerts: service },
  { name: 'runtime', recordings: [], alerts: runtime },
  { name: 'database', recordings: [], alerts: databases },
  { name: 'security', recordings: [], alerts: security },
  { name: 'resilience', recordings: [], alerts: resilience },
  { name: 'business', recordings: [], alerts: business },
  { name: 'seasonal', recordings: usuals, alerts: seasons },
]

/** Every alert of the shop. */
export const alerts: readonly Alert[] = ruleSets.flatMap((set) => set.alerts)

export type GroupName = 'critical' | 'warning' | 'business'

/** What wakes somebody, what waits until morning, and what the business wants to know. */
export function groupOf({ severity, team }: Alert): GroupName {
  if (team === 'business') return 'business'
  return severity === 'critical' ? 'critical' : 'warning'
}
