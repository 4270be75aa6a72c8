/** A request view, as the policies of `@shop/middleware` see one, written down by hand. */
export interface WrittenView {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly ip: string
  readonly secure: boolean
  readonly host: string | undefined
  readonly route: string | undefined
  readonly body: unknown
  readonly raw: object
  readonly rawHeaders: readonly string[]
  readonly signal: AbortSignal
  header(name: string): string | undefined
  bytes(limit: number): Promise<Uint8Array>
}

/** What a test says of a request; the rest is a GET of `/` on `shop.example` over TLS. */
export interface ViewInit {
  readonly method?: string
  /** Path and query. */
  readonly url?: string
  /** A list of pairs where a name appears twice. */
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[]
  readonly body?: string | Uint8Array
  readonly parsed?: unknown
  readonly ip?: string
  readonly secure?: boolean
  readonly route?: string
}

/** Makes a view for the unit tests of a policy; adapters have the contract suite of the kernel. */
export function view({
  method = 'GET',
  url = '/',
  headers = {},
  body = '',
  parsed,
  ip = '203.0.113.7',
  secure = true,
  route,
}: ViewInit = {}): WrittenView {
  const pairs = Array.isArray(headers) ? [...(headers as (readonly [string, string])[])] : Object.entries(headers)
  const joined = new Map<string, string>()
  for (const [name, value] of pairs) {
    const key = name.toLowerCase()
    const before = joined.get(key)
    if (before === undefined) joined.set(key, value)
    else if (key !== 'host' && key !== 'content-type' && key !== 'referer') joined.set(key, `${before}, ${value}`)
  }
  if (!joined.has('host')) {
    joined.set('host', 'shop.example')
    pairs.push(['Host', 'shop.example'])
  }
  const at = url.indexOf('?')
  return {
    method,
    path: at === -1 ? url : url.slice(0, at),
    query: at === -1 ? '' : url.slice(at + 1),
    ip,
    secure,
    host: joined.get('host'),
    route,
    body: parsed,
    raw: {},
    rawHeaders: pairs.flat(),
    signal: new AbortController().signal,
    header: (name) => joined.get(name),
    bytes: (limit) => {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body
      if (bytes.byteLength <= limit) return Promise.resolve(bytes)
      return Promise.reject(Object.assign(new Error('too long'), { code: 'ERR_SHOP_MIDDLEWARE_BODY_TOO_LARGE' }))
    },
  }
}
