import { existsSync } from 'node:fs'

import { type Check, type CheckGroup, GROUPS, type Look } from './check.ts'
import { CONTENT_TYPES } from './negotiate.ts'
import { lint } from './lint.ts'
import { type MetricFamily, parseOpenMetrics } from './openmetrics.ts'
import { MetricsError } from './errors.ts'
import { checkReceivers } from './verify-receivers.ts'
import { checkFiles } from './verify-files.ts'

/** What {@link verify} looks at. */
export interface VerifyOptions {
  readonly metrics: readonly string[]
  readonly prometheus: string
  readonly alertmanager: string
  readonly config?: string
  readonly required: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly only?: readonly string[]
  /** Milliseconds. */
  readonly timeout: number
}

/**
 * Checks that the monitoring works from end to end.
 * @throws ERR_SHOP_METRICS_CONFIG for a group of checks, a timeout or a folder that is none
 */
export async function verify(options: VerifyOptions): Promise<readonly Check[]> {
  const { only = GROUPS, timeout, config } = options
  for (const group of only) {
    if (!GROUPS.includes(group as CheckGroup))
      throw new MetricsError(
        'ERR_SHOP_METRICS_CONFIG',
        `no group of checks ${JSON.stringify(group)}; there are ${GROUPS.join(', ')}`,
      )
  }
  if (!(timeout > 0 && timeout <= 600_000))
    throw new MetricsError('ERR_SHOP_METRICS_CONFIG', `timeout ${timeout} is not 1 to 600000 ms`)
  if (config !== undefined && !existsSync(config))
    throw new MetricsError('ERR_SHOP_METRICS_CONFIG', `there is no folder ${config}`)
  const looks = [
    ...lookAtEndpoints(options),
    ...lookAtPrometheus(options),
    ...lookAtAlertmanager(options),
    ...lookAtFiles(options),
    ...lookAtEnvironment(options),
  ]
  return Promise.all(
    looks.filter(([group]) => only.includes(group)).map(([group, name, look]) => carryOut(group, name, look)),
  )
}

type Planned = readonly [group: CheckGroup, name: string, look: Look]

async function carryOut(group: CheckGroup, name: string, look: Look): Promise<Check> {
  try {
    return { group, name, ok: true, detail: await look() }
  } catch (error) {
    const { message, cause } = error as Error
    return {
      group,
      name,
      ok: false,
      detail: cause instanceof Error && message === 'fetch failed' ? cause.message : message,
    }
  }
}

function lookAtEndpoints({ metrics, timeout }: VerifyOptions): readonly Planned[] {
  return metrics.flatMap((url): Planned[] => {
    let text: Promise<string> | undefined
    const read = (): Promise<string> => (text ??= get(url, timeout, { accept: CONTENT_TYPES.openmetrics }))
    return [
      ['endpoints', url, async () => `${(await read()).length} bytes`],
      ['exposition', url, async () => describe(parseOpenMetrics(await read()))],
    ]
  })
}

function describe(families: readonly MetricFamily[]): string {
  const faults = families.flatMap((family) => lint(family).map((fault) => `${family.name} ${fault}`))
  if (faults.length > 0) throw new Error(faults.slice(0, 5).join('; '))
  return `${families.length} metrics, ${families.reduce((sum, { samples }) => sum + samples.length, 0)} samples`
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly name: string
      readonly type: string
      readonly health: string
      readonly lastError?: string
    }[]
  }[]
}
interface Targets {
  readonly activeTargets: readonly {
    readonly health: string
    readonly scrapeUrl: string
    readonly lastError: string
    readonly labels: { readonly job: string }
  }[]
}

function lookAtPrometheus({ prometheus, timeout }: VerifyOptions): readonly Planned[] {
  const api = async <T>(path: string): Promise<T> =>
    (JSON.parse(await get(`${prometheus}/api/v1/${path}`, timeout)) as { data: T }).data
  return [
    [
      'rules',
      prometheus,
      async () => {
        const rules = (await api<Rules>('rules')).groups.flatMap((group) => group.rules)
        const alerting = rules.filter(({ type, name }) => type === 'alerting' && name.startsWith('Shop'))
        const broken = rules.filter(({ health }) => health === 'err')
        if (broken.length > 0)
          throw new Error(broken.map(({ name, lastError }) => `${name}: ${lastError ?? 'fails'}`).join('; '))
        if (alerting.length === 0) throw new Error('Prometheus has none of the shop’s alerts: is rule_files set?')
        return `${alerting.length} alerts of the shop`
      },
    ],
    [
      'targets',
      prometheus,
      async () => {
        const targets = (await api<Targets>('targets?state=active')).activeTargets
        const down = targets.filter(({ health }) => health === 'down')
        if (down.length > 0)
          throw new Error(down.map(({ scrapeUrl, lastError }) => `${scrapeUrl}: ${lastError}`).join('; '))
        if (!targets.some(({ labels }) => labels.job === 'shop'))
          throw new Error('no target has the job "shop", which the rules ask for')
        return `${targets.length} up`
      },
    ],
    [
      'routes',
      `${prometheus} to Alertmanager`,
      async () => {
        const { activeAlertmanagers } = await api<{ activeAlertmanagers: readonly unknown[] }>('alertmanagers')
        if (activeAlertmanagers.length === 0) throw new Error('Prometheus knows no Alertmanager')
        return `${activeAlertmanagers.length} known`
      },
    ],
  ]
}

function lookAtAlertmanager({ alertmanager, timeout }: VerifyOptions): readonly Planned[] {
  return [
    [
      'routes',
      alertmanager,
      async () => {
        const { cluster } = JSON.parse(await get(`${alertmanager}/api/v2/status`, timeout)) as {
          cluster: { status: string }
        }
        const receivers = JSON.parse(await get(`${alertmanager}/api/v2/receivers`, timeout)) as readonly {
          name: string
        }[]
        return `${cluster.status}; receivers ${receivers.map(({ name }) => name).join(', ')}`
      },
    ],
  ]
}

function lookAtFiles({ config, timeout }: VerifyOptions): readonly Planned[] {
  if (config === undefined) return []
  return [
    ...checkFiles(config).map(([group, name, look]): Planned => [group, name, look]),
    ...checkReceivers(config, timeout).map(([name, look]): Planned => ['receivers', name, look]),
  ]
}

function lookAtEnvironment({ required, env }: VerifyOptions): readonly Planned[] {
  return required.map((name): Planned => [
    'environment',
    name,
    () => {
      if ((env[name] ?? '') === '') throw new Error('is not set')
      return 'set'
    },
  ])
}

async function get(url: string, timeout: number, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(timeout) })
  if (!response.ok) throw new Error(`answers ${response.status}`)
  return response.text()
}
