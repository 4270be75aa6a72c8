import { alertsBoard } from './alerts.ts'
import { business } from './business.ts'
import { type DashboardSpec, toDashboard } from './dashboard.ts'
import { postgres } from './postgres.ts'
import { runtime } from './runtime.ts'
import { security } from './security.ts'
import { service } from './service.ts'

export const dashboards: readonly DashboardSpec[] = [service, runtime, postgres, business, security, alertsBoard]

/** The dashboards by file name, with what makes Grafana read them. */
export function dashboardFiles(): Readonly<Record<string, string>> {
  return Object.fromEntries(dashboards.map((spec) => [`dashboards/${spec.uid}.json`, toDashboard(spec)]))
}
