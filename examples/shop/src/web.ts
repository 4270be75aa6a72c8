import type { SafeHtml } from '@shop/security-middleware/encode'
import type { Policy } from '@shop/middleware'

import type { Session } from './session.ts'

/** What a handler sees of a request; the two apps make one from their framework's own. */
export interface Visit {
  /** The framework's raw request: the key of the packages' typed getters, `nonceOf(visit.raw)`. */
  readonly raw: object
  readonly path: string
  readonly params: Readonly<Record<string, string | undefined>>
  readonly query: Readonly<Record<string, string | undefined>>
  /** The fields of a submitted form, or a parsed JSON body. */
  readonly body: unknown
  readonly ip: string
  readonly session: Session
}

/** What a handler gives back. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** One route of the shop, described once and bound by both apps. */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** A template both frameworks read alike: `/products/:slug`. */
  readonly path: string
  /** Policies of this route alone, after those of the whole app. */
  readonly policies: readonly Policy[]
  readonly handle: (visit: Visit) => Reply | Promise<Reply>
}

export const get = (path: string, handle: Route['handle'], ...policies: Policy[]): Route => ({
  method: 'GET',
  path,
  policies,
  handle,
})

export const post = (path: string, handle: Route['handle'], ...policies: Policy[]): Route => ({
  method: 'POST',
  path,
  policies,
  handle,
})

export const page = (content: SafeHtml, status = 200): Reply => ({
  status,
  headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'private, no-cache' },
  body: content.toString(),
})

/** After a form: the browser fetches `to`, and a reload repeats nothing. */
export const redirect = (to: string, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status: 303,
  headers: { location: to, ...headers },
  body: '',
})

export const json = (value: unknown, status = 200): Reply => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
  body: JSON.stringify(value),
})
