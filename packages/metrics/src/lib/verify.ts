import { existsSync } from 'node:fs'

import { type Check, type CheckGroup, GROUPS, type Look, Skipped } from './check.ts'
import { CONTENT_TYPES } from './negotiate.ts'
import { lint } from './lint.ts'
import { type MetricFamily, parseOpenMetrics } from './openmetrics.ts'
import { MetricsError } from './errors.ts'
import { ask, askJson } from './verify-ask.ts'
import { checkReceivers } from './verify-receivers.ts'
import { checkFiles } from './verify-files.ts'

/** What {@link verify} looks at. */
export interface VerifyOptions {
  readonly metrics: readonly string[]
  readonly prometheus: string
  readonly alertmanager: string
  /** The `authorization` header for those that want one. */
  readonly authorization?: Readonly<Partial<Record<'metrics' | 'prometheus' | 'alertmanager', string | undefined>>>
  readonly config?: string
  readonly required: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly only?: readonly string[]
  /** Milliseconds. */
  readonly timeout: number
}

/** What a group is looked for in, where that is not always given. */
const NEEDS: Readonly<Partial<Record<CheckGroup, string>>> = {
  receivers: '--config with a folder that has receivers',
  environment: '--env',
}

/**
 * Checks that the monitoring works from end to end.
 * @throws ERR_SHOP_METRICS_OPTION for a group of checks, an address, a timeout or a folder that is none, and for a group
 * with nothing to look at
 */
export async function verify(options: VerifyOptions): Promise<readonly Check[]> {
  const { only = GROUPS, timeout, config } = options
  for (const group of only) {
    if (!GROUPS.includes(group as CheckGroup))
      throw wrong(`no group of checks ${JSON.stringify(group)}; there are ${GROUPS.join(', ')}`)
  }
  if (!(timeout > 0 && timeout <= 600_000)) throw wrong(`timeout ${timeout} is not 1 to 600000 ms`)
  if (config !== undefined && !existsSync(config)) throw wrong(`there is no folder ${config}`)
  for (const url of [...options.metrics, options.prometheus, options.alertmanager]) checkUrl(url)
  const looks = [
    ...lookAtEndpoints(options),
    ...lookAtPrometheus(options),
    ...lookAtAlertmanager(options),
    ...lookAtFiles(options),
    ...lookAtEnvironment(options),
  ]
  const empty = options.only?.find((group) => !looks.some(([of]) => of === group)) as CheckGroup | undefined
  if (empty) throw wrong(`nothing was checked: ${empty} needs ${NEEDS[empty]}`)
  return Promise.all(
    looks.filter(([group]) => only.includes(group)).map(([group, name, look]) => carryOut(group, name, look)),
  )
}

function wrong(message: string): MetricsError {
  return new MetricsError('ERR_SHOP_METRICS_OPTION', message)
}

function checkUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) throw wrong(`${JSON.stringify(text)} is not an http(s) URL`)
  if (url.username || url.password) throw wrong(`the URL for ${url.host} holds a password; give it by a file`)
}

type Planned = readonly [group: CheckGroup, name: string, look: Look]

async function carryOut(group: CheckGroup, name: string, look: Look): Promise<Check> {
  try {
    return { group, name, outcome: 'ok', detail: await look() }
  } catch (error) {
    const { message, cause } = error as Error
    return {
      group,
      name,
      outcome: error instanceof Skipped ? 'skipped' : 'failed',
      detail: cause instanceof Error && message === 'fetch failed' ? cause.message : message,
    }
  }
}

function lookAtEndpoints({ metrics, timeout, authorization }: VerifyOptions): readonly Planned[] {
  return metrics.flatMap((url): Planned[] => {
    let text: Promise<string> | undefined
    const read = (): Promise<string> =>
      (text ??= ask(url, { timeout, authorization: authorization?.metrics, accept: CONTENT_TYPES.openmetrics }))
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

interface RuleGroup {
  readonly rules: readonly {
    readonly name: string
    readonly type: string
    readonly health: string
    readonly lastError?: string
  }[]
}
interface Target {
  readonly health: string
  readonly scrapeUrl: string
  readonly lastError: string
  readonly labels: { readonly job: string }
}

function lookAtPrometheus({ prometheus, timeout, authorization }: VerifyOptions): readonly Planned[] {
  const api = async <T>(path: string, list: string): Promise<readonly T[]> => {
    const answer = await askJson(`${prometheus.replace(/\/+$/, '')}/api/v1/${path}`, {
      timeout,
      authorization: authorization?.prometheus,
    })
    const found = (answer as { data?: Record<string, unknown> } | null)?.data?.[list]
    if (!Array.isArray(found)) throw new Error('does not answer as a Prometheus does')
    return found as readonly T[]
  }
  return [
    [
      'rules',
      prometheus,
      async () => {
        const rules = (await api<RuleGroup>('rules', 'groups')).flatMap((group) => group.rules)
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
        const targets = await api<Target>('targets?state=active', 'activeTargets')
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
        const known = await api('alertmanagers', 'activeAlertmanagers')
        if (known.length === 0) throw new Error('Prometheus knows no Alertmanager')
        return `${known.length} known`
      },
    ],
  ]
}

function lookAtAlertmanager({ alertmanager, timeout, authorization }: VerifyOptions): readonly Planned[] {
  const api = (path: string): Promise<unknown> =>
    askJson(`${alertmanager.replace(/\/+$/, '')}/api/v2/${path}`, {
      timeout,
      authorization: authorization?.alertmanager,
    })
  return [
    [
      'routes',
      alertmanager,
      async () => {
        const status = ((await api('status')) as { cluster?: { status?: string } } | null)?.cluster?.status
        const receivers = (await api('receivers')) as readonly { readonly name: string }[]
        if (status === undefined || !Array.isArray(receivers))
          throw new Error('does not answer as an Alertmanager does')
        return `${status}; receivers ${receivers.map(({ name }) => name).join(', ')}`
      },
    ],
  ]
}

function lookAtFiles({ config, timeout }: VerifyOptions): readonly Planned[] {
  if (config === undefined) return []
  return [
    ...planned('rules', config, () => checkFiles(config)),
    ...planned('receivers', config, () =>
      checkReceivers(config, timeout).map(([name, look]): Planned => ['receivers', name, look]),
    ),
  ]
}

/** What cannot even be planned, for a file that cannot be read, is one failed check and takes no other along. */
function planned(group: CheckGroup, name: string, plan: () => readonly Planned[]): readonly Planned[] {
  try {
    return plan()
  } catch (error) {
    return [
      [
        group,
        name,
        () => {
          throw error
        },
      ],
    ]
  }
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
