import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

import { protect } from '@shop/middleware/node'
import { chromium, describeWith } from '@shop/testkit'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { cspReports } from './reports.ts'
import { csrf } from './csrf.ts'
import { nonceOf } from './nonce.ts'
import { securityHeaders } from './security-headers.ts'
import { trustedTypesPolicy } from './trusted-types.ts'

const typesPolicy = trustedTypesPolicy(['https://js.stripe.com'])
const style = 'h1{color:rgb(1,2,3)}'

/** A storefront: Stripe's script tag, a script and a style of its own, a review that may hold anything. */
function storefront(nonce: string, review: string): string {
  return `<!doctype html><title>Shop</title><style>${style}</style>
<script>${typesPolicy}</script>
<script nonce="${nonce}" src="https://js.stripe.com/v3/"></script>
<script nonce="${nonce}">window.own = typeof Stripe; document.querySelector('title').textContent = 'Shop, open'</script>
<h1>Shop</h1><article>${review}</article><form method="post" action="/orders"><button>Buy</button></form>`
}

/** What Stripe.js does to a page, as far as a policy can see: more scripts, frames, calls and pixels, all from Stripe's hosts. */
const stripeJs = `window.Stripe = function () {};
const script = document.createElement('script'); script.src = 'https://js.stripe.com/v3/fingerprinted/js/more.js'; document.head.append(script);
const frame = document.createElement('iframe'); frame.src = 'https://js.stripe.com/v3/controller.html'; document.documentElement.append(frame);
fetch('https://api.stripe.com/v1/elements/sessions').then(() => { window.called = true });
new Image().src = 'https://q.stripe.com/pixel';`

describeWith('chromium', 'in a real browser', () => {
  let review = ''
  let browser: BrowserContext & AsyncDisposable
  let url = ''
  const guard = protect(
    securityHeaders({
      presets: ['stripeElements'],
      reportTo: '/reports',
      inlineScripts: [typesPolicy],
      inlineStyles: [style],
    }),
    cspReports(),
    csrf({ isolation: true }),
  )
  const server = http.createServer(
    guard((request, response) => {
      if (request.method === 'POST') return void response.end('ordered')
      response.setHeader('content-type', 'text/html; charset=utf-8')
      response.end(storefront(nonceOf(request)!, review))
    }),
  )

  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await chromium({ args: ['--no-sandbox', '--disable-dev-shm-usage'] })
    await browser.route('https://js.stripe.com/v3/', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: stripeJs }),
    )
    await browser.route('https://js.stripe.com/v3/fingerprinted/**', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: 'window.more = true' }),
    )
    await browser.route('https://js.stripe.com/v3/controller.html', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<p>controller' }),
    )
    await browser.route(/https:\/\/(?:api|q)\.stripe\.com\//, (route) =>
      route.fulfill({ headers: { 'access-control-allow-origin': '*' }, body: '{}' }),
    )
    await browser.route('https://evil.example/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: `<form id="f" method="post" action="${url}/orders"></form>` }),
    )
  })
  afterAll(async () => {
    await browser?.close()
    server.closeAllConnections()
    server.close()
  })

  async function visit(withReview: string): Promise<{ page: Page; violations: string[] }> {
    review = withReview
    const page = await browser.newPage()
    const violations: string[] = []
    page.on('console', (message) => {
      if (/Content Security Policy|Trusted|Permissions-Policy/i.test(message.text())) violations.push(message.text())
    })
    page.on('pageerror', (error) => violations.push(error.message))
    await page.goto(url)
    await page.waitForFunction('window.more && window.called')
    return { page, violations }
  }

  test('the storefront with Stripe’s script tag loads without one violation', async () => {
    const { page, violations } = await visit('Lovely shoes')
    expect(violations).toEqual([])
    expect(await page.title()).toBe('Shop, open')
    expect(await page.evaluate('window.own')).toBe('function')
    expect(await page.evaluate('getComputedStyle(document.querySelector("h1")).color')).toBe('rgb(1, 2, 3)')
    await page.close()
  })

  test('nothing that a review injects runs', async () => {
    const { page, violations } = await visit(`<script>window.pwned = 'inline'</script>
<script nonce="AAAAAAAAAAAAAAAAAAAAAAAA">window.pwned = 'guessed nonce'</script>
<img src="/none" onerror="window.pwned = 'handler'">
<script src="https://evil.example/x.js"></script>
<iframe src="javascript:parent.pwned = 'script URL'"></iframe>
<base href="https://evil.example/">`)
    await expect.poll(() => violations.length).toBeGreaterThanOrEqual(6)
    expect(await page.evaluate('window.pwned')).toBeUndefined()
    expect(await page.evaluate('document.baseURI')).toBe(`${url}/`)
    // text given to a dangerous sink is Trusted Types' to refuse
    for (const sink of [
      'document.body.innerHTML = "<img src=x onerror=alert(1)>"',
      'document.createElement("script").src = "https://evil.example/x.js"',
    ]) {
      expect(
        await page.evaluate(`(() => { try { ${sink}; return 'taken' } catch (error) { return error.name } })()`),
      ).toBe('TypeError')
    }
    await page.close()
  })

  test('a form of the shop is sent, the same form on another site is refused', async () => {
    const page = await browser.newPage()
    await page.goto(url)
    await page.evaluate('document.forms[0].submit()')
    await page.waitForURL('**/orders')
    expect(await page.textContent('body')).toBe('ordered')
    await page.goto('https://evil.example/')
    const answered = page.waitForResponse(`${url}/orders`)
    await page.evaluate('document.getElementById("f").submit()')
    expect((await answered).status()).toBe(403)
    await page.close()
  })
})
