/**
 * `[name, value]` pairs, names in lower case. `set-cookie`, `vary`, `link`, `server-timing` and `www-authenticate`
 * are added to what is already there; any other name replaces it. A handler that sets a header later wins.
 */
export type HeaderPairs = ReadonlyArray<readonly [name: string, value: string]>

/** What a policy may see of a request: the same small view on every framework. */
export interface RequestView {
  /** Upper case, as sent: `GET`, `POST`, … */
  readonly method: string
  /** The path without the query, still percent-encoded. */
  readonly path: string
  /** The query without the `?`, still percent-encoded; empty when there is none. */
  readonly query: string
  /** The client's address as the framework's own trust-proxy setting gives it (node:http and Hono: `ipOf`); empty on a Unix socket, unless a trusted proxy told it. */
  readonly ip: string
  /** Whether the client spoke TLS, as the framework's own trust-proxy setting gives it. */
  readonly secure: boolean
  /** The host the client asked for, port included, as the framework's own trust-proxy setting gives it. */
  readonly host: string | undefined
  /** The route's template (`/orders/:id`) once the framework knows it; never the URL. */
  readonly route: string | undefined
  /** The parsed body; only in `inspect` and later. */
  readonly body: unknown
  /** The identity per-request values hang on; see {@link requestKey}. */
  readonly raw: object
  /** Every header as received: name, value, name, value, … duplicates included. */
  readonly rawHeaders: readonly string[]
  /** Aborted when the client goes away before the response is finished. Made on first use. */
  readonly signal: AbortSignal
  /** One header by its lower-case name; duplicates are joined as node:http joins them. */
  header(name: string): string | undefined
  /**
   * The raw body, read once and bounded, then handed on to the framework's parser.
   * @throws a `BodyLimitError` (answered with 413) when it is longer than `limit` bytes.
   */
  bytes(limit: number): Promise<Uint8Array>
}

/** What a policy may change of a response whose headers have not left yet. */
export interface ReplyView {
  readonly status: number
  header(name: string): string | undefined
  set(name: string, value: string): void
  /** Adds a further value (`Set-Cookie`, `Vary`) beside those already there. */
  append(name: string, value: string): void
  remove(name: string): void
}

/** A refusal, sent as RFC 9457 `application/problem+json`. */
export interface Denial {
  /** 400 to 599. */
  readonly status: number
  /** Stable and kebab-case; the problem's `type` is `urn:shop:problem:<code>`. */
  readonly code: string
  /** One sentence that does not change from occurrence to occurrence. */
  readonly title: string
  /** What is particular to this occurrence; never a secret, never the client's input unquoted. */
  readonly detail?: string
  /** Further members of the problem document (`errors`, `retryAfter`, …). */
  readonly members?: Readonly<Record<string, unknown>>
}

/** A whole response by the policy itself: a token endpoint, `/metrics`, a report receiver, a replay. */
export interface Answer {
  readonly status: number
  readonly headers?: HeaderPairs
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>
  /** Aborted: a streamed body is given up, and the connection with it, also while the client reads nothing. */
  readonly signal?: AbortSignal
}

/** What a policy decides. Headers are set and removed in every case; `deny` and `answer` end the request. */
export interface Verdict {
  readonly headers?: HeaderPairs
  /** Names, in lower case, of headers that the framework has set by itself and should not send. */
  readonly remove?: readonly string[]
  readonly deny?: Denial
  readonly answer?: Answer
}

/** How a response ended: told exactly once to every policy, those that an earlier denial kept from running included. */
export interface Outcome {
  readonly request: RequestView
  /** `finished`: all was handed to the network; `aborted`: the client left first; `error`: the response itself was destroyed with an error. */
  readonly kind: 'finished' | 'aborted' | 'error'
  /** The status that was, or would have been, sent. */
  readonly status: number
  /** From the adapter's first sight of the request to its end, in seconds. */
  readonly seconds: number
  /** The body as it was handed to the network, in bytes: after compression, without framing, streams too; 0 for HEAD, 204 and 304. */
  readonly bytes: number
  /** The code of the denial, when a policy denied. */
  readonly denied: string | undefined
  /** What the handler threw, where the framework tells (not on Express), or what destroyed the response. */
  readonly error: unknown
}

type Decision = Verdict | undefined | Promise<Verdict | undefined>

/**
 * A policy: pure decisions over a {@link RequestView}. It knows no framework and imports no node:http.
 * Every hook is optional; one that returns no promise is never awaited.
 */
export interface Policy {
  /** Unique within one `protect(...)`; the field's standard word: `csrf`, `rate-limit`. */
  readonly name: string
  /** Before the body is read. */
  readonly evaluate?: (request: RequestView) => Decision
  /** After the body is parsed, before the handler. JSON, urlencoded and text bodies are read for it; others arrive as `undefined`. */
  readonly inspect?: (request: RequestView) => Decision
  /** Before the headers leave: set, remove or delay. */
  readonly respond?: (request: RequestView, reply: ReplyView) => void | Promise<void>
  /** Replaces the outgoing body. Its presence makes the adapter buffer the response up to `limit` bytes; a longer one passes unchanged. */
  readonly transform?: {
    readonly limit: number
    readonly body: (request: RequestView, reply: ReplyView, body: Uint8Array) => Uint8Array | Promise<Uint8Array>
  }
  /** The response finished, was aborted, or failed. */
  readonly settle?: (outcome: Outcome) => void
  /**
   * What happens to the request when `evaluate` or `inspect` throws; the other hooks come too late to refuse anything, and
   * are only told on `shop:middleware:policy-failed`.
   * @default 'deny' (500), so that a broken check lets nothing through
   */
  readonly onError?: 'deny' | 'pass'
  /** The longest body, in bytes, read for `inspect`; the smallest of all policies counts. @default 1048576 */
  readonly bodyLimit?: number
  /** What `explain` should know: what the policy needs, what it owns. */
  readonly traits?: {
    /** Response headers that this policy alone should set, in lower case. */
    readonly owns?: readonly string[]
    /** Names of policies this one must stand before. */
    readonly before?: readonly string[]
    /** Names of policies this one must stand after. */
    readonly after?: readonly string[]
  }
}
