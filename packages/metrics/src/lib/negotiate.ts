/** The formats `/metrics` speaks. */
export type Format = 'text' | 'openmetrics' | 'protobuf'

/** The content type of each format. */
export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  protobuf: 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
}

/** One element of an `Accept` or `Accept-Encoding` header. */
interface Wish {
  readonly type: string
  readonly parameters: Readonly<Record<string, string>>
  readonly weight: number
}

/** The ranges a format is meant by, the most specific first: the first that a header has decides (RFC 9110, 12.5.1). */
const RANGES: readonly (readonly [Format, readonly ((wish: Wish) => boolean)[]])[] = [
  ['text', [typed('text/plain'), typed('text/*'), typed('*/*')]],
  ['openmetrics', [isOpenMetrics, typed('application/*'), typed('*/*')]],
  ['protobuf', [isProtobuf, typed('application/*'), typed('*/*')]],
]

/**
 * The format an `Accept` header prefers: of equals the one named first, or what comes first above. The text format when
 * it names none of them, as Prometheus expects.
 */
export function formatOf(accept: string | undefined): Format {
  const all = wishes(accept)
  let best: { readonly format: Format; readonly weight: number; readonly at: number } | undefined
  for (const [format, ranges] of RANGES) {
    const wish = ranges.map((range) => heaviest(all.filter(range))).find(Boolean)
    if (!wish || wish.weight === 0) continue
    const at = all.indexOf(wish)
    if (!best || wish.weight > best.weight || (wish.weight === best.weight && at < best.at))
      best = { format, weight: wish.weight, at }
  }
  return best?.format ?? 'text'
}

/** Whether an `Accept-Encoding` header takes gzip, and likes it no less than no coding at all (RFC 9110, 12.5.3). */
export function acceptsGzip(header: string | undefined): boolean {
  const all = wishes(header)
  const weight = (...names: string[]): number | undefined =>
    heaviest(all.filter(({ type }) => names.includes(type)))?.weight
  const gzip = weight('gzip', 'x-gzip') ?? weight('*') ?? 0
  return gzip > 0 && gzip >= (weight('identity') ?? 0)
}

function typed(name: string): (wish: Wish) => boolean {
  return ({ type }) => type === name
}

function isOpenMetrics({ type, parameters: { version } }: Wish): boolean {
  return type === 'application/openmetrics-text' && ['1.0.0', '0.0.1', undefined].includes(version)
}

function isProtobuf({ type, parameters: { proto, encoding } }: Wish): boolean {
  const [name, how] = ['io.prometheus.client.MetricFamily', 'delimited']
  return type === 'application/vnd.google.protobuf' && proto === name && encoding === how
}

function heaviest(all: readonly Wish[]): Wish | undefined {
  return all.toSorted((a, b) => b.weight - a.weight)[0]
}

// a quoted text may hold commas and semicolons
const ELEMENTS = /(?:"(?:\\.|[^"\\])*"|[^,"])+/g
const PARTS = /(?:"(?:\\.|[^"\\])*"|[^;"])+/g

function wishes(header: string | undefined): readonly Wish[] {
  return ((header ?? '').slice(0, 1024).match(ELEMENTS) ?? []).flatMap((element) => {
    const [type = '', ...rest] = (element.match(PARTS) ?? []).map((part) => part.trim())
    if (type === '') return []
    const parameters: Record<string, string> = Object.fromEntries(
      rest.map((pair) => {
        const [name = '', value = ''] = pair.split('=', 2).map((word) => word.trim())
        return [name.toLowerCase(), value.replace(/^"|"$/g, '')]
      }),
    )
    const weight = parameters['q'] === undefined ? 1 : Number(parameters['q'])
    return [{ type: type.toLowerCase(), parameters, weight: weight >= 0 && weight <= 1 ? weight : 0 }]
  })
}
