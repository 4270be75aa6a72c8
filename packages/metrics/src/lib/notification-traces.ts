import { type Duration, milliseconds } from './duration.ts'
import { MetricsError } from './errors.ts'
import { onlyKnown, whole } from './options.ts'
import { type FoundExemplar, queryExemplars, type Source } from './query-exemplars.ts'

/** What of an alert in Alertmanager's webhook body is read. */
export interface NotifiedAlert {
  readonly status: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly generatorURL?: string
}

/** What of Alertmanager's webhook body (version 4) is read; whatever else it has stays. */
export interface AlertNotification {
  readonly version: string
  readonly alerts: readonly NotifiedAlert[]
}

/** What {@link withTraces} takes. */
export interface WithTracesOptions {
  /** Where Prometheus answers, `http://prometheus:9090`. Nothing else is ever asked, whatever a notification names. */
  readonly prometheus: string
  /** Traces told for an alert at most, the newest first, 1 to 50. @default 5 */
  readonly limit?: number
  /** How far back they may lie. @default '1h' */
  readonly window?: Duration
  /** How long a notification may wait for them. @default '2s' */
  readonly timeout?: Duration
  /** Further headers for Prometheus, an `authorization` for one. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Adds to each firing alert the traces behind it; what a notification says beside them is kept. */
export type TraceNotification = <N extends AlertNotification>(notification: N, signal?: AbortSignal) => Promise<N>

/** A notification of a whole failing estate asks this much at most. */
const MOST_QUERIES = 20

/**
 * Puts the ids of the requests behind each firing alert into its annotations, `trace_ids` and `request_ids`, each a
 * text like `id, id`, from the exemplars Prometheus keeps (`--enable-feature=exemplar-storage`). Which ones, a rule
 * says by its annotation `exemplars`, as the shipped ones do; else all series of its expression count, for which
 * `generatorURL` is read but never called.
 *
 * Nothing that fails on the way loses a notification: it is given back with an annotation `traces_missing` that says why.
 * @throws ERR_SHOP_METRICS_OPTION, _UNKNOWN_OPTION, _DURATION at once; what is returned rejects with
 * ERR_SHOP_METRICS_NOTIFICATION for what is no webhook body of Alertmanager
 * @example const traced = withTraces({ prometheus: 'http://prometheus:9090' }); send(await traced(body))
 */
export function withTraces(options: WithTracesOptions): TraceNotification {
  onlyKnown('withTraces()', options, ['prometheus', 'limit', 'window', 'timeout', 'headers'])
  const source: Source = { base: baseOf(options.prometheus), headers: options.headers ?? {} }
  const limit = whole('withTraces(): limit', options.limit, 5, 1, 50)
  const window = milliseconds('withTraces(): window', options.window, '1h', 1000)
  const timeout = milliseconds('withTraces(): timeout', options.timeout, '2s', 10)

  return async (notification, signal) => {
    checkNotification(notification)
    const bounded = AbortSignal.any([AbortSignal.timeout(timeout), ...(signal ? [signal] : [])])
    const now = Date.now()
    const asked = new Map<string, Promise<readonly FoundExemplar[] | string>>()
    const found = (query: string): Promise<readonly FoundExemplar[] | string> => {
      const known = asked.get(query)
      if (known) return known
      if (asked.size >= MOST_QUERIES) return Promise.resolve(`more than ${MOST_QUERIES} rules in one notification`)
      const asking = queryExemplars(source, query, { start: now - window, end: now + 60_000 }, bounded).catch(
        (error: unknown) => (signal?.aborted ? 'it was not waited for' : reasonOf(error)),
      )
      asked.set(query, asking)
      return asking
    }
    const alerts = notification.alerts.map(async (alert) => {
      const query = alert.status === 'firing' ? queryOf(alert) : undefined
      return query === undefined ? alert : annotated(alert, await found(query), limit)
    })
    return { ...notification, alerts: await Promise.all(alerts) }
  }
}

function baseOf(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && !/[?#@]/.test(url)) return url.replace(/\/+$/, '')
  throw new MetricsError(
    'ERR_SHOP_METRICS_OPTION',
    `withTraces(): prometheus ${JSON.stringify(url)} is not an http(s) URL without query and credentials`,
  )
}

function checkNotification(given: unknown): void {
  const { version, alerts } = (given ?? {}) as Partial<AlertNotification>
  const wrong =
    version !== '4'
      ? `version ${JSON.stringify(version)} is not "4"`
      : !Array.isArray(alerts)
        ? 'it has no list of alerts'
        : alerts.every(isAlert)
          ? undefined
          : 'an alert in it lacks labels or annotations'
  if (wrong !== undefined)
    throw new MetricsError('ERR_SHOP_METRICS_NOTIFICATION', `withTraces(): no webhook body of Alertmanager: ${wrong}`)
}

function isAlert(alert: Partial<NotifiedAlert> | null): boolean {
  return isObject(alert) && isObject(alert.labels) && isObject(alert.annotations)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** What the rule names, else its expression: exemplars lie with the buckets of a histogram, not with its count and sum. */
function queryOf({ annotations, generatorURL }: NotifiedAlert): string | undefined {
  if (annotations['exemplars']) return annotations['exemplars']
  if (typeof generatorURL !== 'string' || !URL.canParse(generatorURL)) return undefined
  const expr = new URL(generatorURL).searchParams.get('g0.expr')
  return expr?.replaceAll(/\b([a-zA-Z_]\w*)_(?:count|sum)\b/g, '$1_bucket')
}

function annotated(alert: NotifiedAlert, found: readonly FoundExemplar[] | string, limit: number): NotifiedAlert {
  if (typeof found === 'string') return marked(alert, found)
  const behind = found.filter(({ series }) => agrees(series, alert.labels))
  const traces = [...new Map(behind.map((exemplar) => [exemplar.traceId, exemplar])).values()].slice(0, limit)
  // what no rule asked for is not missed
  if (traces.length === 0) return alert.annotations['exemplars'] ? marked(alert, 'no exemplar found') : alert
  const requests = traces.flatMap(({ requestId }) => requestId ?? [])
  return {
    ...alert,
    annotations: {
      ...alert.annotations,
      trace_ids: traces.map(({ traceId }) => traceId).join(', '),
      ...(requests.length > 0 && { request_ids: requests.join(', ') }),
    },
  }
}

function marked(alert: NotifiedAlert, reason: string): NotifiedAlert {
  return { ...alert, annotations: { ...alert.annotations, traces_missing: reason } }
}

/** An alert for one route or instance is about no other's requests. */
function agrees(series: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(series).every(([name, value]) => labels[name] === undefined || labels[name] === value)
}

function reasonOf(error: unknown): string {
  const late = error instanceof Error && error.name === 'TimeoutError'
  return late ? 'Prometheus did not answer in time' : 'Prometheus cannot be reached'
}
