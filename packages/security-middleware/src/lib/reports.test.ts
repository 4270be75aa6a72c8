import fc from 'fast-check'
import { view } from '@shop/testkit/view'
import { describe, expect, test } from 'vitest'

import { reportReceived } from './events.ts'
import type { BrowserReport } from './browser-report.ts'
import { cspReports, type CspReportsOptions } from './reports.ts'

const legacy = {
  'csp-report': {
    'document-uri': 'https://shop.example/cart?session=secret#x',
    'effective-directive': 'script-src-elem',
    'violated-directive': 'script-src',
    'blocked-uri': 'https://evil.example/x.js?card=4242',
    'source-file': 'https://shop.example/app.js',
    'line-number': 7,
    disposition: 'enforce',
  },
}

function receiver(options: CspReportsOptions = {}) {
  const reports: BrowserReport[] = []
  const policy = cspReports({ onReport: (report) => reports.push(report), ...options })
  const post = (body: unknown, type = 'application/reports+json') =>
    policy.evaluate!(
      view({
        method: 'POST',
        url: '/reports',
        headers: { 'content-type': type },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    )
  return { policy, reports, post }
}

describe('cspReports()', () => {
  test('takes the format of report-uri, without what may be personal', async () => {
    const { reports, post } = receiver()
    expect(await post(legacy, 'application/csp-report')).toEqual({ answer: { status: 204 } })
    expect(reports).toEqual([
      {
        type: 'csp-violation',
        page: 'https://shop.example/cart',
        subject: 'script-src-elem',
        blocked: 'https://evil.example',
        source: 'https://shop.example/app.js:7',
        disposition: 'enforce',
      },
    ])
  })

  test('takes the Reporting API’s format: CSP, COOP, deprecation, in one body', async () => {
    const { reports, post } = receiver()
    await post([
      {
        type: 'csp-violation',
        url: 'https://shop.example/',
        body: { effectiveDirective: 'img-src', blockedURL: 'inline', disposition: 'report' },
      },
      {
        type: 'coop',
        url: 'https://shop.example/',
        body: { violation: 'navigation-to-document', openerURL: 'https://other.example/a' },
      },
      {
        type: 'deprecation',
        url: 'https://shop.example/',
        body: { id: 'UnloadHandler', sourceFile: 'https://shop.example/a.js', lineNumber: 3 },
      },
    ])
    expect(reports.map(({ type, subject, blocked, source }) => [type, subject, blocked, source])).toEqual([
      ['csp-violation', 'img-src', 'inline', undefined],
      ['coop', 'navigation-to-document', 'https://other.example', undefined],
      ['deprecation', 'UnloadHandler', '', 'https://shop.example/a.js:3'],
    ])
  })

  test('tells the same report once a window, on the channel too', async () => {
    let now = 0
    const { reports, post } = receiver({ now: () => now, window: '1m' })
    const heard: BrowserReport[] = []
    const hear = (report: BrowserReport): void => void heard.push(report)
    reportReceived.subscribe(hear as never)
    await post(legacy, 'application/csp-report')
    await post(legacy, 'application/csp-report')
    now = 60_001
    await post(legacy, 'application/csp-report')
    reportReceived.unsubscribe(hear as never)
    expect(reports).toHaveLength(2)
    expect(heard).toEqual(reports)
  })

  test('remembers so many and no more, and takes so many from one body and no more', async () => {
    const { reports, post } = receiver({ remember: 3 })
    for (const type of ['a', 'b', 'c', 'd', 'a']) await post([{ type }])
    expect(reports.map(({ type }) => type)).toEqual(['a', 'b', 'c', 'd', 'a'])
    await post(Array.from({ length: 500 }, (_, i) => ({ type: `t${i}` })))
    expect(reports).toHaveLength(105)
  })

  test('leaves other paths and methods alone', () => {
    const { policy } = receiver()
    expect(policy.evaluate!(view({ url: '/reports' }))).toBeUndefined()
    expect(policy.evaluate!(view({ method: 'POST', url: '/other' }))).toBeUndefined()
  })

  test('refuses another type, and what is no report', async () => {
    const { post } = receiver()
    expect(await post('{}', 'application/json')).toHaveProperty('deny.status', 415)
    expect(await post('{}', '__proto__')).toHaveProperty('deny.status', 415)
    for (const body of ['', '[', '[1]', 'null', '"text"', '[[]]', '[{"type":1,"body":[]}]'])
      expect(await post(body)).toHaveProperty('deny.status', 400)
    expect(await post('{"csp-report":1}', 'application/csp-report')).toHaveProperty('deny.status', 400)
  })

  test('any JSON is answered, and what is told is short and printable', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue(),
        fc.constantFrom('application/csp-report', 'application/reports+json'),
        async (body, type) => {
          const { reports, post } = receiver()
          const verdict = (await post(body, type))!
          expect(verdict.answer?.status ?? verdict.deny?.status).toBeOneOf([204, 400])
          for (const value of reports.flatMap(Object.values)) {
            if (value !== undefined) expect(value).toMatch(/^\P{Cc}{0,250}$/u)
          }
        },
      ),
    )
  })

  test.each([
    [{ path: 'reports' }, 'ERR_SHOP_SECURITY_PATTERN'],
    [{ remember: 0 }, 'ERR_SHOP_SECURITY_OPTION'],
    [{ window: '1 hour' }, 'ERR_SHOP_SECURITY_DURATION'],
    [{ onreport() {} }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
  ])('refuses %j when built', (options, code) => {
    expect(() => cspReports(options as never)).toThrow(expect.objectContaining({ code }))
  })
})
