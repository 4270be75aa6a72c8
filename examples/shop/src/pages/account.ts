import { html, type SafeHtml } from '@shop/security-middleware/encode'
import { dataExported, loggedIn, loginFailed } from '@shop/audit'
import { respondAt } from '@shop/security-middleware'
import { z } from 'zod'

import { checkLogin, eraseCustomer, findCustomer, register } from '../customers.ts'
import { email, readForm, text, typed } from '../form.ts'
import { ordersOf } from '../orders.ts'
import { loginThrottle } from '../policies/login-throttle.ts'
import { endSession, logIn, requireCustomer } from '../session.ts'
import type { Shop } from '../shop.ts'
import { get, json, page, post, redirect, type Reply, type Route, type Visit } from '../web.ts'
import { contact, contactFields } from './checkout.ts'
import { field, layout } from './layout.ts'

const login = z.object({ email: email(), password: z.string('The password is missing.').min(1).max(200) })
const registration = contact.extend({ password: text('A password', 12, 200) })

export const accountRoutes = (shop: Shop): Route[] => [
  get('/login', (visit) => loginPage(shop, visit, {})),

  post(
    '/login',
    async (visit) => {
      const submitted = readForm(login, visit.body)
      const customerId = submitted.ok && (await checkLogin(shop.db, submitted.data.email, submitted.data.password))
      shop.metrics.signins.inc({ outcome: customerId ? 'ok' : 'failed' })
      await shop.trail.audit.record(
        customerId
          ? loggedIn({ type: 'customer', id: String(customerId) }, { method: 'password' })
          : loginFailed({ method: 'password', reason: 'address and password do not match' }),
      )
      if (!customerId) return loginPage(shop, visit, { password: 'Address and password do not match.' })
      return redirect(ownPath(visit.query['next']), { 'set-cookie': await logIn(shop.db, visit.session, customerId) })
    },
    loginThrottle(10),
    // however soon the answer is known, it leaves at this time: how long it took tells nothing
    respondAt('400ms'),
  ),

  post('/logout', async (visit) => redirect('/', { 'set-cookie': await endSession(shop.db, visit.session) })),

  get('/register', (visit) => registerPage(shop, visit, {})),

  post('/register', async (visit) => {
    const submitted = readForm(registration, visit.body)
    if (!submitted.ok) return registerPage(shop, visit, submitted.errors)
    const customerId = await register(shop.db, submitted.data, submitted.data.password)
    return redirect('/account', { 'set-cookie': await logIn(shop.db, visit.session, customerId) })
  }),

  get('/account', async (visit) => {
    const customer = await findCustomer(shop.db, requireCustomer(visit.session))
    const content = html`<h1>${customer?.name}</h1>
      <div class="columns">
        <section class="panel">
          <h3>What we know about you</h3>
          <p class="row"><span>E-mail</span><b>${customer?.email}</b></p>
          <p class="row"><span>Phone</span><b>${customer?.phone}</b></p>
          <p class="row"><span>Address</span><b>${customer?.address}</b></p>
          <p><a href="/orders">Your orders</a> · <a href="/account/data">All of it, as JSON</a></p>
        </section>
        <section class="stack">
          <form method="post" action="/logout"><button class="quiet">Log out</button></form>
          <form method="post" action="/account/erase">
            <button class="danger">Erase my account</button>
            <p class="fine">
              Your name, addresses and phone number go at once and for good. Orders stay, without you in them.
            </p>
          </form>
        </section>
      </div>`
    return page(layout(shop, visit, 'Your account', content))
  }),

  get('/account/data', async (visit) => {
    const customerId = requireCustomer(visit.session)
    const [customer, orders] = await Promise.all([findCustomer(shop.db, customerId), ordersOf(shop.db, customerId)])
    await shop.trail.audit.record(
      dataExported(
        { type: 'subject', id: `customer:${customerId}` },
        { format: 'json', rows: 1 + orders.length, reason: 'asked for by the customer' },
      ),
    )
    return json({ customer, orders })
  }),

  post('/account/erase', async (visit) => {
    await eraseCustomer(shop, requireCustomer(visit.session))
    return redirect('/')
  }),
]

function loginPage(shop: Shop, visit: Visit, errors: Readonly<Record<string, string>>): Reply {
  const wrong = Object.keys(errors).length > 0
  const content = html`<form class="stack narrow" method="post">
    <h1>Log in</h1>
    ${field('E-mail', 'email', { type: 'email', value: wrong ? typed(visit.body)['email'] : '', autocomplete: 'username' })}
    ${field('Password', 'password', { type: 'password', error: errors['password'], autocomplete: 'current-password' })}
    <button>Log in</button>
    <p>New here? <a href="/register">Open an account</a>.</p>
  </form>`
  return page(layout(shop, visit, 'Log in', content), wrong ? 401 : 200)
}

function registerPage(shop: Shop, visit: Visit, errors: Readonly<Record<string, string>>): Reply {
  const content: SafeHtml = html`<form class="stack narrow" method="post" action="/register">
    <h1>Open an account</h1>
    ${contactFields(typed(visit.body), errors)}
    ${field('Password', 'password', { type: 'password', error: errors['password'], autocomplete: 'new-password' })}
    <button>Open an account</button>
  </form>`
  return page(layout(shop, visit, 'Open an account', content), Object.keys(errors).length > 0 ? 422 : 200)
}

/** Only a path of ours: `//evil.example` and `https://…` would lead away. */
const ownPath = (next: string | undefined) => (next && /^\/(?![/\\])[\w/?=&.-]*$/.test(next) ? next : '/account')
