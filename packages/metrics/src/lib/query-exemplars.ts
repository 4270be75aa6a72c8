/** A Prometheus that is asked. */
export interface Source {
  /** Without a slash at the end. */
  readonly base: string
  readonly headers: Readonly<Record<string, string>>
}

/** An exemplar that names a trace, and the labels of the series it lies with. */
export interface FoundExemplar {
  readonly series: Readonly<Record<string, string>>
  readonly traceId: string
  readonly requestId: string | undefined
  /** Seconds since 1970. */
  readonly at: number
}

const MOST_BYTES = 4_000_000

/**
 * The exemplars of whatever series an expression selects, the newest first, or in words why Prometheus gave none. It
 * rejects when Prometheus cannot be reached, or the signal aborts.
 * @param range milliseconds since 1970
 */
export async function queryExemplars(
  { base, headers }: Source,
  query: string,
  range: { readonly start: number; readonly end: number },
  signal: AbortSignal,
): Promise<readonly FoundExemplar[] | string> {
  const response = await fetch(`${base}/api/v1/query_exemplars`, {
    method: 'POST',
    headers,
    body: new URLSearchParams({ query, start: String(range.start / 1000), end: String(range.end / 1000) }),
    // where else it sends us is nothing anybody has allowed
    redirect: 'error',
    signal,
  })
  const text = await bounded(response)
  if (text === undefined) return `Prometheus has more than ${MOST_BYTES / 1e6} MB of exemplars for it`
  if (!response.ok) return `Prometheus refused with ${response.status}`
  return read(text) ?? 'Prometheus did not answer as one'
}

async function bounded(response: Response): Promise<string | undefined> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MOST_BYTES) return undefined
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

interface Answered {
  readonly data?: readonly {
    readonly seriesLabels?: Readonly<Record<string, string>>
    readonly exemplars?: readonly { readonly labels?: Readonly<Record<string, string>>; readonly timestamp?: number }[]
  }[]
}

function read(text: string): readonly FoundExemplar[] | undefined {
  try {
    const { data } = JSON.parse(text) as Answered
    const found = data?.flatMap(({ seriesLabels: series = {}, exemplars = [] }) =>
      exemplars.flatMap(({ labels = {}, timestamp: at = 0 }) => {
        const traceId = word(labels['trace_id'])
        return traceId === undefined ? [] : [{ series, traceId, requestId: word(labels['request_id']), at }]
      }),
    )
    return found?.toSorted((a, b) => b.at - a.at)
  } catch {
    return undefined
  }
}

/** Ids end in messages to people: what is no plain word is none. */
function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.-]{1,64}$/.test(value) ? value : undefined
}
