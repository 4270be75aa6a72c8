/** The formats `/metrics` speaks. */
export type Format = 'text' | 'openmetrics' | 'protobuf'

/** The content type of each format. */
export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  protobuf: 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
}

interface Wish {
  readonly type: string
  readonly parameters: Readonly<Record<string, string>>
  readonly weight: number
}

/** The format an `Accept` header prefers; the text format when it names none of them, as Prometheus expects. */
export function formatOf(accept: string | undefined): Format {
  let best: Format = 'text'
  let weight = 0
  for (const wish of wishes(accept)) {
    const format = meant(wish)
    if (format && wish.weight > weight) {
      best = format
      weight = wish.weight
    }
  }
  return best
}

/** Whether an `Accept-Encoding` header takes gzip. */
export function acceptsGzip(header: string | undefined): boolean {
  return wishes(header).some((wish) => (wish.type === 'gzip' || wish.type === '*') && wish.weight > 0)
}

function meant({ type, parameters }: Wish): Format | undefined {
  if (type === 'application/openmetrics-text') {
    return ['1.0.0', '0.0.1', undefined].includes(parameters['version']) ? 'openmetrics' : undefined
  }
  if (type === 'application/vnd.google.protobuf') {
    const { proto, encoding } = parameters
    return proto === 'io.prometheus.client.MetricFamily' && encoding === 'delimited' ? 'protobuf' : undefined
  }
  return ['text/plain', 'text/*', '*/*'].includes(type) ? 'text' : undefined
}

function wishes(header: string | undefined): readonly Wish[] {
  return (header ?? '')
    .slice(0, 1024)
    .split(',')
    .flatMap((part) => {
      const [type = '', ...rest] = part.split(';').map((word) => word.trim())
      if (type === '') return []
      const parameters = Object.fromEntries(
        rest.map((pair) => pair.split('=', 2).map((word) => word.trim().replace(/^"|"$/g, ''))),
      )
      const weight = parameters['q'] === undefined ? 1 : Number(parameters['q'])
      return [{ type: type.toLowerCase(), parameters, weight: weight >= 0 && weight <= 1 ? weight : 0 }]
    })
}
