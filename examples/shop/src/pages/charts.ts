import { html, type SafeHtml } from '@shop/security-middleware/encode'

import { roundPrice } from '../money.ts'

/** One bar; its title is what a pointer over it is told. */
export interface Bar {
  readonly label: string
  readonly value: number
  readonly title: string
  readonly quiet: boolean
}

/** A bar chart, drawn by the server. */
export function bars(
  all: readonly Bar[],
  show: (value: number) => string,
  [width, height]: readonly [number, number],
): SafeHtml {
  const top = niceTop(Math.max(1, ...all.map(({ value }) => value)))
  const step = width / Math.max(1, all.length)
  const y = (value: number) => height - (value / top) * height
  const rule = (value: number) =>
    html` <path class="rule" d="M0 ${y(value)}h${width}" />
      <text x="-8" y="${y(value) + 4}" text-anchor="end">${show(value)}</text>`
  const bar = ({ label, value, title, quiet }: Bar, i: number) =>
    html` <rect
        class="${quiet ? 'quiet' : ''}"
        x="${(i * step + step * 0.14).toFixed(1)}"
        y="${y(value).toFixed(1)}"
        width="${(step * 0.72).toFixed(1)}"
        height="${(height - y(value)).toFixed(1)}"
        rx="2"
      >
        <title>${title}</title>
      </rect>
      <text x="${(i * step + step / 2).toFixed(1)}" y="${height + 18}" text-anchor="middle">${label}</text>`
  return html`<svg viewBox="-58 -10 ${width + 62} ${height + 34}" role="img">
    ${[0, top / 2, top].map(rule)} ${all.map(bar)}
  </svg>`
}

/** The next round number whose half is round too. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].find((n) => n * power >= value) ?? 10) * power
}

/** Rows of shares, each against the largest. */
export function shares(all: readonly { label: string; value: number }[]): SafeHtml {
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
