import { view, type ViewInit } from '@shop/testkit/view'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { cookieOf } from './cookie.ts'
import { csrfToken } from './csrf-token.ts'
import { csrf } from './csrf.ts'

const secrets = ['current-secret-current-secret-012345', 'previous-secret-previous-secret-0123']
const policyWith = (keys: readonly string[]) =>
  csrf({ token: { secrets: keys, session: (request) => cookieOf(request, 'session') } })
const policy = policyWith(secrets)

/** What a browser would keep of a response: the CSRF cookie, if one was set. */
function answered(request: ReturnType<typeof view>, by = policy): string | undefined {
  const cookies: string[] = []
  void by.respond!(request, {
    status: 200,
    header: () => undefined,
    set() {},
    append: (_, value) => void cookies.push(value),
    remove() {},
  })
  expect(cookies.length).toBeLessThan(2)
  if (cookies[0] !== undefined)
    expect(cookies[0]).toMatch(/^__Host-csrf=[\w-]{22}\.[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
  return cookies[0]?.split(';')[0]
}

function fetchToken(session: string, by = policy): { token: string; cookie: string } {
  const request = view({ url: '/api/csrf-token', headers: { cookie: `session=${session}` } })
  const verdict = by.evaluate!(request) as { answer: { body: string } }
  const { token } = JSON.parse(verdict.answer.body) as { token: string }
  return { token, cookie: answered(request, by)! }
}

/** An old client's request: neither Sec-Fetch-Site nor Origin. */
async function verdictOf(init: ViewInit, by = policy): Promise<string> {
  const request = view({ method: 'POST', ...init })
  const first = await by.evaluate!(request)
  const second = first ?? (await by.inspect!(request))
  return second?.deny?.code ?? 'passed'
}

describe('csrf() with tokens, for clients that send neither Sec-Fetch-Site nor Origin', () => {
  test('the endpoint gives a token and its cookie, and the pair passes', async () => {
    const { token, cookie } = fetchToken('alice')
    expect(cookie).toBe(`__Host-csrf=${token}`)
    expect(await verdictOf({ headers: { cookie: `session=alice; ${cookie}`, 'x-csrf-token': token } })).toBe('passed')
  })

  test('the endpoint’s answer is not to be kept, and needs a session', () => {
    const verdict = policy.evaluate!(view({ url: '/api/csrf-token', headers: { cookie: 'session=alice' } })) as {
      answer: { headers: unknown }
    }
    expect(verdict.answer.headers).toContainEqual(['cache-control', 'no-store'])
    expect(policy.evaluate!(view({ url: '/api/csrf-token' }))).toHaveProperty('deny.status', 401)
  })

  test('a form carries it in a field, read once the body is there', async () => {
    const { token, cookie } = fetchToken('alice')
    const headers = { cookie: `session=alice; ${cookie}`, 'content-type': 'application/x-www-form-urlencoded' }
    expect(await verdictOf({ headers, parsed: { _csrf: token } })).toBe('passed')
    expect(await verdictOf({ headers, parsed: { _csrf: [token] } })).toBe('csrf-token-missing')
    expect(await verdictOf({ headers, parsed: {} })).toBe('csrf-token-missing')
    expect(await verdictOf({ headers, parsed: undefined })).toBe('csrf-token-missing')
  })

  test('a page gets a token for its form, and one that is good is kept', () => {
    const first = view({ headers: { cookie: 'session=alice' } })
    void policy.evaluate!(first)
    const token = csrfToken(first)!
    expect(csrfToken(first)).toBe(token)
    expect(answered(first)).toBe(`__Host-csrf=${token}`)
    const second = view({ headers: { cookie: `session=alice; __Host-csrf=${token}` } })
    void policy.evaluate!(second)
    expect(csrfToken(second)).toBe(token)
    expect(answered(second)).toBeUndefined()
  })

  test('a page that asks for none sets no cookie, and without a session there is none', () => {
    const request = view({ headers: { cookie: 'session=alice' } })
    void policy.evaluate!(request)
    expect(answered(request)).toBeUndefined()
    const stranger = view()
    void policy.evaluate!(stranger)
    expect(csrfToken(stranger)).toBeUndefined()
    expect(csrfToken(view())).toBeUndefined()
  })

  test('another session’s token, a planted cookie, a token alone do not pass', async () => {
    const mallory = fetchToken('mallory')
    const alice = fetchToken('alice')
    const post = (cookie: string, token?: string) =>
      verdictOf({ headers: { cookie, ...(token && { 'x-csrf-token': token }) } })
    expect(await post(`session=alice; ${mallory.cookie}`, mallory.token)).toBe('csrf-token-invalid')
    expect(await post(`session=alice; ${alice.cookie}; ${mallory.cookie}`, mallory.token)).toBe('csrf-token-invalid')
    expect(await post('session=alice', alice.token)).toBe('csrf-token-invalid')
    expect(await post(`session=alice; ${alice.cookie}`)).toBe('csrf-token-missing')
    expect(await post(`session=alice; ${alice.cookie}`, mallory.token)).toBe('csrf-token-invalid')
    expect(await post(alice.cookie, alice.token)).toBe('csrf-token-invalid')
  })

  test('secrets rotate: the first signs, all verify, one that is gone does not', async () => {
    const old = fetchToken('alice', policyWith([secrets[1]!]))
    const headers = { cookie: `session=alice; ${old.cookie}`, 'x-csrf-token': old.token }
    expect(await verdictOf({ headers })).toBe('passed')
    expect(await verdictOf({ headers }, policyWith([secrets[0]!]))).toBe('csrf-token-invalid')
  })

  test('the browser’s own word comes first: no token saves a cross-site request, none is asked of a same-origin one', async () => {
    const { token, cookie } = fetchToken('alice')
    expect(
      await verdictOf({
        headers: { cookie: `session=alice; ${cookie}`, 'x-csrf-token': token, 'sec-fetch-site': 'cross-site' },
      }),
    ).toBe('csrf-cross-site')
    expect(await verdictOf({ headers: { 'sec-fetch-site': 'same-origin' } })).toBe('passed')
  })

  test('no text is a token but one that was signed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.stringMatching(/^[\w-]{22}\.[\w-]{43}$/)), async (token) => {
        fc.pre(!/[;\s]/.test(token))
        expect(
          await verdictOf({ headers: { cookie: `session=alice; __Host-csrf=${token}`, 'x-csrf-token': token } }),
        ).not.toBe('passed')
      }),
    )
  })
})
