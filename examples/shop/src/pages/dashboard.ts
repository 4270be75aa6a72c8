import { html, type SafeHtml } from '@shop/security-middleware/encode'

import { art } from '../art.ts'
import {
  lowStock,
  ordersByHour,
  ordersByStatus,
  salesByDay,
  salesBySection,
  topProducts,
  type Day,
  type TopProduct,
} from '../dashboard.ts'
import { roundPrice } from '../money.ts'
import { requireStaff } from '../session.ts'
import type { Shop } from '../shop.ts'
import { get, page, type Route } from '../web.ts'
import { bars, shares, type Bar } from './charts.ts'
import { layout } from './layout.ts'
import { status } from './orders.ts'

export const dashboardRoutes = (shop: Shop): Route[] => [
  get('/dashboard', async (visit) => {
    requireStaff(visit.session)
    const { db } = shop
    const [days, hours, top, sections, statuses, low] = await Promise.all([
      salesByDay(db, 60),
      ordersByHour(db, 30),
      topProducts(db),
      salesBySection(db, 30),
      ordersByStatus(db, 30),
      lowStock(db),
    ])
    const content = html` <div class="heading">
        <h1>Sales</h1>
        <p class="fine">the last thirty days, against the thirty before</p>
      </div>
      ${tiles(days.slice(-30), days.slice(0, 30))}
      <section class="panel chart">
        <h3>Revenue by day</h3>
        ${bars(days.slice(-30).map(dayBar), roundPrice, [720, 180])}
      </section>
      <div class="columns even">
        <section class="panel">
          <h3>Top products</h3>
          <table class="rows">
            ${top.map(topRow)}
          </table>
        </section>
        <section>
          <div class="panel">
            <h3>By section</h3>
            ${shares(sections.map(({ section, cents: value }) => ({ label: section, value })))}
          </div>
          <div class="panel chart">
            <h3>Orders by hour (UTC)</h3>
            ${bars(hours.map(hourBar), String, [380, 90])}
          </div>
          <div class="panel">
            <h3>How they stand</h3>
            <p class="chips">${statuses.map((one) => html`${status(one)} ${one.orders.toLocaleString('en')} `)}</p>
          </div>
        </section>
      </div>
      <section class="panel">
        <h3>Running out</h3>
        <ul class="minis">
          ${low.map(
            ({ slug, name, art: kind, hue, stock }) =>
              html`<li>
                <a href="/products/${slug}"
                  >${art(kind, hue)} <span>${name}<br /><small>${stock} left</small></span></a
                >
              </li>`,
          )}
        </ul>
      </section>`
    return page(layout(shop, visit, 'Sales', content))
  }),
]

const tiles = (now: readonly Day[], before: readonly Day[]): SafeHtml =>
  html`<div class="tiles">
    ${tile('Revenue', roundPrice(cents(now)), change(cents(now), cents(before)))}
    ${tile('Orders', count(now).toLocaleString('en'), change(count(now), count(before)))}
    ${tile('Average order', roundPrice(average(now)), change(average(now), average(before)))}
    ${tile('Today', roundPrice(now.at(-1)?.cents ?? 0), html`<small>${now.at(-1)?.orders} orders so far</small>`)}
  </div>`

const topRow = ({ slug, name, art: kind, hue, units, cents: value }: TopProduct): SafeHtml =>
  html`<tr>
    <td class="thumb">${art(kind, hue)}</td>
    <td><a href="/products/${slug}">${name}</a><br /><small>${units} sold</small></td>
    <td class="number">${roundPrice(value)}</td>
  </tr>`

const dayBar = ({ day, cents: value, orders }: Day): Bar => ({
  label: new Date(day).getUTCDay() === 1 ? shortDate.format(new Date(day)) : '',
  value,
  title: `${day}: ${roundPrice(value)}, ${orders} orders`,
  quiet: new Date(day).getUTCDay() % 6 === 0,
})

const hourBar = ({ hour, orders }: { hour: number; orders: number }): Bar => ({
  label: hour % 6 === 0 ? `${hour}:00` : '',
  value: orders,
  title: `${hour}:00: ${orders} orders`,
  quiet: false,
})

const shortDate = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
const cents = (days: readonly Day[]) => days.reduce((sum, day) => sum + day.cents, 0)
const count = (days: readonly Day[]) => days.reduce((sum, day) => sum + day.orders, 0)
const average = (days: readonly Day[]) => cents(days) / Math.max(1, count(days))

const tile = (label: string, value: string, below: SafeHtml): SafeHtml =>
  html`<div class="panel tile"><small>${label}</small><b>${value}</b>${below}</div>`

function change(now: number, before: number): SafeHtml {
  const percent = before === 0 ? 0 : Math.round((now / before - 1) * 100)
  return html`<small class="${percent < 0 ? 'down' : 'up'}">${percent < 0 ? '▼' : '▲'} ${Math.abs(percent)} %</small>`
}
