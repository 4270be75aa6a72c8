/** What a visit to a page gave. */
export interface Seen {
  readonly status: number
  readonly text: string
  readonly location: string | undefined
  /** What the shop calls the request in its log. */
  readonly requestId: string | undefined
  /** Why, where it was refused: the problem's code, or the heading of the page. */
  readonly cause: string
}

export interface Browser {
  get(path: string): Promise<Seen>
  cookie(name: string): string | undefined
  /** Sends a form as a browser on one of the shop's own pages does. */
  post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Seen>
}

/** A browser with a cookie jar, behind a proxy that vouches for its `address`; it follows no redirect by itself. */
export function createBrowser(origin: string, address: string): Browser {
  const cookies = new Map<string, string>()

  const request = (path: string, init: RequestInit): Promise<Seen> => send(path, init).catch(unanswered)

  async function send(path: string, init: RequestInit): Promise<Seen> {
    const response = await fetch(new URL(path, origin), {
      ...init,
      redirect: 'manual',
      headers: {
        accept: 'text/html',
        'x-forwarded-for': address,
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(init.headers as Record<string, string>),
      },
      signal: AbortSignal.timeout(30_000),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (name !== undefined && value !== undefined) cookies.set(name, value)
    }
    const text = await response.text()
    return {
      status: response.status,
      text,
      location: response.headers.get('location') ?? undefined,
      requestId: response.headers.get('x-request-id') ?? undefined,
      cause: response.status < 400 ? '' : cause(text, response.headers.get('content-type') ?? ''),
    }
  }

  return {
    cookie: (name) => cookies.get(name),
    get: (path) => request(path, { headers: { 'sec-fetch-site': 'same-origin' } }),
    post: (path, fields, headers = {}) =>
      request(path, {
        method: 'POST',
        body: new URLSearchParams(fields),
        headers: present({ origin, 'sec-fetch-site': 'same-origin', ...headers }),
      }),
  }
}

/** A server that closes or stays silent has answered too, with status 0. */
function unanswered(error: unknown): Seen {
  const { name, cause: reason } = error as { name?: string; cause?: { code?: string } }
  return { status: 0, text: '', location: undefined, requestId: undefined, cause: reason?.code ?? name ?? 'no answer' }
}

/** An empty header is one that this browser does not send. */
const present = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''))

function cause(text: string, type: string): string {
  if (type.startsWith('application/problem+json')) return (JSON.parse(text) as { type: string }).type.split(':').at(-1)!
  return /<h1>([^<]*)/.exec(text)?.[1] ?? ''
}
