import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

import { type ReplyView, requestKey, type RequestView, type Verdict } from '@shop/middleware'

import { cookieOf } from './cookie.ts'
import { SecurityError } from './errors.ts'
import type { CsrfReason } from './events.ts'
import { knownOptions } from './options.ts'
import { pathMatcher } from './path-pattern.ts'

/** Options of the token half of {@link csrf}. */
export interface CsrfTokenOptions {
  /** The first signs, all verify: put a new one first, take the old one out after a day. At least 32 characters each. */
  readonly secrets: readonly string[]
  /** The session a token belongs to: its id, before login an anonymous session's. A request without one gets no token. */
  readonly session: (request: RequestView) => string | undefined
  /** Where a script fetches its token. @default '/api/csrf-token' */
  readonly endpoint?: string
  /** The header that carries the token. @default 'x-csrf-token' */
  readonly header?: string
  /** The form field that carries the token. @default '_csrf' */
  readonly field?: string
}

const cookie = '__Host-csrf'
const tokensOf = requestKey<() => string | undefined>()
const pending = requestKey<true>()
const issued = requestKey<string>()

/**
 * The CSRF token for a form on this page, with its cookie set as the response leaves; `undefined` without a session,
 * or where `csrf()` has no `token`.
 * @example `<input type="hidden" name="_csrf" value="${csrfToken(req)}">`
 */
export function csrfToken(request: object): string | undefined {
  return tokensOf.get(request)?.()
}

interface CsrfTokens {
  /** Answers the endpoint, and lets {@link csrfToken} issue on other safe requests. */
  readonly endpoint: (request: RequestView) => Verdict | undefined
  /** Why a request without browser evidence is refused; a form's token is looked for once the body is there. */
  readonly check: (request: RequestView) => CsrfReason | undefined
  readonly checkForm: (request: RequestView) => CsrfReason | undefined
  readonly respond: (request: RequestView, reply: ReplyView) => void
}

/**
 * Session-bound HMAC double submit (OWASP's signed form): the cookie and the header or field carry the same token,
 * `random.mac`, and the MAC is over the session and the random part, so that neither a planted cookie nor another
 * session's token passes.
 * @throws ERR_SHOP_SECURITY_SECRET, ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_PATTERN
 */
export function csrfTokens(options: CsrfTokenOptions): CsrfTokens {
  knownOptions('csrf().token', options, ['secrets', 'session', 'endpoint', 'header', 'field'])
  const { secrets, session, endpoint = '/api/csrf-token', field = '_csrf' } = options
  const header = (options.header ?? 'x-csrf-token').toLowerCase()
  pathMatcher('token.endpoint', [endpoint])
  if (
    !Array.isArray(secrets) ||
    secrets.length === 0 ||
    secrets.some((secret) => typeof secret !== 'string' || secret.length < 32)
  ) {
    throw new SecurityError(
      'ERR_SHOP_SECURITY_SECRET',
      'token.secrets needs one secret or more, each of at least 32 characters.',
    )
  }
  if (typeof session !== 'function') {
    throw new SecurityError(
      'ERR_SHOP_SECURITY_OPTION',
      'token.session must be a function that gives the request’s session id.',
    )
  }

  function sign(secret: string, id: string, random: string): Buffer {
    return createHmac('sha256', secret).update(`${id.length}!${id}!${random}`).digest()
  }

  function verifies(token: string, id: string): boolean {
    const parts = /^([\w-]{22})\.([\w-]{43})$/.exec(token)
    if (!parts) return false
    const mac = Buffer.from(parts[2]!, 'base64url')
    let valid = false
    // every secret is tried, so that time does not tell which one matched
    for (const secret of secrets) valid = timingSafeEqual(sign(secret, id, parts[1]!), mac) || valid
    return valid
  }

  function judge(request: RequestView, sent: string | undefined): CsrfReason | undefined {
    if (sent === undefined || sent === '') return 'token-missing'
    const id = session(request)
    const kept = cookieOf(request, cookie)
    if (id === undefined || kept === undefined) return 'token-invalid'
    return sameText(sent, kept) && verifies(kept, id) ? undefined : 'token-invalid'
  }

  function issue(request: RequestView): string | undefined {
    const already = issued.get(request)
    if (already !== undefined) return already
    const id = session(request)
    if (id === undefined) return undefined
    const kept = cookieOf(request, cookie)
    // a page in another tab keeps its token as long as the session does
    if (kept !== undefined && verifies(kept, id)) return kept
    const random = randomBytes(16).toString('base64url')
    const token = `${random}.${sign(secrets[0]!, id, random).toString('base64url')}`
    issued.set(request, token)
    return token
  }

  return {
    endpoint(request) {
      if (request.path !== endpoint) return void tokensOf.set(request, () => issue(request))
      if (request.method !== 'GET') return undefined
      const token = issue(request)
      if (token === undefined)
        return { deny: { status: 401, code: 'csrf-no-session', title: 'A CSRF token needs a session' } }
      return {
        answer: {
          status: 200,
          headers: [
            ['content-type', 'application/json'],
            ['cache-control', 'no-store'],
            ['vary', 'Cookie'],
          ],
          body: JSON.stringify({ token, header, field }),
        },
      }
    },
    check(request) {
      const sent = request.header(header)
      if (sent !== undefined || !isForm(request)) return judge(request, sent)
      pending.set(request, true)
      return undefined
    },
    checkForm(request) {
      if (!pending.get(request)) return undefined
      const body = request.body
      const sent =
        typeof body === 'object' && body !== null && Object.hasOwn(body, field)
          ? (body as Record<string, unknown>)[field]
          : undefined
      return judge(request, typeof sent === 'string' ? sent : undefined)
    },
    respond(request, reply) {
      const token = issued.get(request)
      if (token !== undefined) reply.append('set-cookie', `${cookie}=${token}; Path=/; Secure; HttpOnly; SameSite=Lax`)
    },
  }
}

function isForm(request: RequestView): boolean {
  return /^(?:application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(request.header('content-type') ?? '')
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}
