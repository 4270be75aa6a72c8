import { art } from '../art.ts'
import {
  lowStock,
  ordersByHour,
  ordersByStatus,
  salesByDay,
  salesBySection,
  topProducts,
  type Day,
} from '../dashboard.ts'
import { html, type Html } from '../html.ts'
import { roundPrice } from '../money.ts'
import { requireStaff } from '../session.ts'
import type { Shop } from '../shop.ts'
import { get, page, type Route } from '../web.ts'
import { layout } from './layout.ts'
import type { Status } from '../orders.ts'
import { status } from './orders.ts'

export const dashboardRoutes = (shop: Shop): Route[] => [
  get('/dashboard', async (visit) => {
    requireStaff(visit.session)
    const { db } = shop
    const [days, hours, top, sections, statuses, low] = await Promise.all([
      salesByDay(db, 60),
      ordersByHour(db, 30),
      topProducts(db, 30),
      salesBySection(db, 30),
      ordersByStatus(db, 30),
      lowStock(db),
    ])
    const now = days.slice(-30)
    const before = days.slice(0, 30)
    const content = html` <div class="heading">
        <h1>Sales</h1>
        <p class="fine">the last thirty days, against the thirty before</p>
      </div>
      <div class="tiles">
        ${tile('Revenue', roundPrice(cents(now)), change(cents(now), cents(before)))}
        ${tile('Orders', count(now).toLocaleString('en'), change(count(now), count(before)))}
        ${tile('Average order', roundPrice(average(now)), change(average(now), average(before)))}
        ${tile('Today', roundPrice(days.at(-1)?.cents ?? 0), html`<small>${days.at(-1)?.orders} orders so far</small>`)}
      </div>
      <section class="panel chart">
        <h3>Revenue by day</h3>
        ${bars(
          now.map(({ day, cents: value, orders }) => ({
            label: dayLabel(day),
            value,
            title: `${day}: ${roundPrice(value)}, ${orders} orders`,
            quiet: isWeekend(day),
          })),
          roundPrice,
        )}
      </section>
      <div class="columns even">
        <section class="panel">
          <h3>Top products</h3>
          <table class="rows">
            ${top.map(
              ({ slug, name, art: kind, hue, units, cents: value }) =>
                html`<tr>
                  <td class="thumb">${art(kind, hue)}</td>
                  <td><a href="/products/${slug}">${name}</a><br /><small>${units} sold</small></td>
                  <td class="number">${roundPrice(value)}</td>
                </tr>`,
            )}
          </table>
        </section>
        <section>
          <div class="panel">
            <h3>By section</h3>
            ${shares(sections.map(({ section, cents: value }) => ({ label: section, value })))}
          </div>
          <div class="panel chart">
            <h3>Orders by hour (UTC)</h3>
            ${bars(
              hours.map(({ hour, orders }) => ({
                label: hour % 6 === 0 ? `${hour}:00` : '',
                value: orders,
                title: `${hour}:00: ${orders} orders`,
                quiet: false,
              })),
              String,
              110,
            )}
          </div>
          <div class="panel">
            <h3>How they stand</h3>
            <p class="chips">
              ${statuses.map(({ status: one, orders }) => html`${status({ status: one as Status })} ${orders.toLocaleString('en')} `)}
            </p>
          </div>
        </section>
      </div>
      <section class="panel">
        <h3>Running out</h3>
        ${
          low.length === 0
            ? html`<p class="empty">Nothing.</p>`
            : html`<table class="rows">
                ${low.map(
                  ({ slug, name, art: kind, hue, stock }) =>
                    html`<tr>
                      <td class="thumb">${art(kind, hue)}</td>
                      <td><a href="/products/${slug}">${name}</a></td>
                      <td class="number">${stock} left</td>
                    </tr>`,
                )}
              </table>`
        }
      </section>`
    return page(layout(shop, visit, 'Sales', content))
  }),
]

const cents = (days: readonly Day[]) => days.reduce((sum, day) => sum + day.cents, 0)
const count = (days: readonly Day[]) => days.reduce((sum, day) => sum + day.orders, 0)
const average = (days: readonly Day[]) => cents(days) / Math.max(1, count(days))
const isWeekend = (day: string) => new Date(day).getUTCDay() % 6 === 0
const dayLabel = (day: string) =>
  new Date(day).getUTCDay() === 1
    ? new Date(day).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
    : ''

const tile = (label: string, value: string, below: Html): Html =>
  html`<div class="panel tile"><small>${label}</small><b>${value}</b>${below}</div>`

function change(now: number, before: number): Html {
  const percent = before === 0 ? 0 : Math.round((now / before - 1) * 100)
  return html`<small class="${percent < 0 ? 'down' : 'up'}">${percent < 0 ? '▼' : '▲'} ${Math.abs(percent)} %</small>`
}

interface Bar {
  readonly label: string
  readonly value: number
  readonly title: string
  readonly quiet: boolean
}

/** A bar chart, drawn by the server. */
function bars(all: readonly Bar[], show: (value: number) => string, height = 180): Html {
  const top = niceTop(Math.max(1, ...all.map(({ value }) => value)))
  const step = 720 / Math.max(1, all.length)
  const y = (value: number) => height - (value / top) * height
  return html`<svg viewBox="-58 -10 782 ${height + 34}" role="img">
    ${[0, 0.5, 1].map((part) => html`<path class="rule" d="M0 ${y(part * top)}h720" /><text x="-8" y="${y(part * top) + 4}" text-anchor="end">${show(part * top)}</text>`)}
    ${all.map(
      ({ label, value, title, quiet }, i) =>
        html` <rect
            class="${quiet && 'quiet'}"
            x="${(i * step + step * 0.14).toFixed(1)}"
            y="${y(value).toFixed(1)}"
            width="${(step * 0.72).toFixed(1)}"
            height="${(height - y(value)).toFixed(1)}"
            rx="2"
            ><title>${title}</title></rect
          >
          <text x="${(i * step + step / 2).toFixed(1)}" y="${height + 18}" text-anchor="middle">${label}</text>`,
    )}
  </svg>`
}

/** The next 1, 2 or 5 times a power of ten. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5, 10].find((n) => n * power >= value) ?? 10) * power
}

function shares(all: readonly { label: string; value: number }[]): Html {
  const top = Math.max(1, ...all.map(({ value }) => value))
  return html`<table class="rows">
    ${all.map(
      ({ label, value }) =>
        html`<tr>
          <td>${label}</td>
          <td class="wide"><meter value="${value}" max="${top}"></meter></td>
          <td class="number">${roundPrice(value)}</td>
        </tr>`,
    )}
  </table>`
}
