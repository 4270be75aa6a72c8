import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { describeWith, prometheus } from '@shop/testkit'
import { expect, it } from 'vitest'

import { openShop } from '../../shop/src/spec/open-shop.ts'
import { shop as visitors } from '../../shop/src/traffic/shopper.ts'
import { Tally } from '../../shop/src/traffic/tally.ts'
import { listen } from './app.ts'

const DASHBOARDS = fileURLToPath(new URL('../../../packages/metrics/grafana/dashboards', import.meta.url))

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

describeWith('prometheus', 'the dashboards', () => {
  it('show data of this shop in every panel, through a real Prometheus', async () => {
    await using open = await openShop(listen)
    await using server = await prometheus({
      config: `global: { scrape_interval: 500ms }
scrape_configs:
  - { job_name: shop, static_configs: [{ targets: ['${new URL(open.url).host}'] }] }`,
    })
    // Prometheus may take five seconds to find its target, and what came before its first scrape is no increase
    await expect.poll(() => query(server.url, 'up'), { timeout: 20_000 }).toEqual([1])
    // counters count from their second sample on, so there are two waves
    for (let wave = 0; wave < 2; wave++) {
      await visitors(open.url, new Tally(), { visits: 80, random: seeded(wave) })
      await buy(open.browser())
      await open.browser().post('/cart', {}, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' })
      await sleep(2500)
    }
    const empty: string[] = []
    let queries = 0
    let finite = 0
    for (const file of readdirSync(DASHBOARDS).filter((name) => name.endsWith('.json'))) {
      const board = JSON.parse(readFileSync(`${DASHBOARDS}/${file}`, 'utf8')) as { title: string; panels: Panel[] }
      for (const { title, targets = [] } of board.panels) {
        for (const { expr } of targets) {
          queries++
          const values = await query(server.url, expr)
          if (values.length === 0) empty.push(`${board.title} / ${title}: ${expr}`)
          if (values.some(Number.isFinite)) finite++
        }
      }
    }
    expect(empty).toEqual([])
    expect(queries).toBeGreaterThan(70)
    expect(finite / queries).toBeGreaterThan(0.95)
  }, 60_000)
})

/** From the catalogue to a paid order. */
async function buy(browser: ReturnType<Awaited<ReturnType<typeof openShop>>['browser']>): Promise<void> {
  const { text } = await browser.get('/search')
  const product = /href="\/products\/([^"]+)"/.exec(text)![1]!
  await browser.post('/cart', { product, quantity: '1' })
  const fields = {
    email: 'm@mail.example',
    name: 'Mo Monitor',
    phone: '+353 1 555 0101',
    address: '2 Mill Lane, Dublin',
  }
  const placed = await browser.post('/checkout', fields)
  await browser.post(placed.location!, { card: 'ok' })
}

async function query(url: string, expr: string): Promise<readonly number[]> {
  const filled = expr.replaceAll(/\$(job|instance)/g, '.+').replaceAll('$__rate_interval', '1m')
  const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: filled }) })
  const { data, error } = (await response.json()) as {
    data?: { result: { value: [number, string] }[] }
    error?: string
  }
  if (!data) throw new Error(`${expr}: ${error ?? 'no answer'}`)
  return data.result.map(({ value }) => Number(value[1]))
}

/** The same visitors in every run. */
function seeded(seed: number): () => number {
  let state = seed + 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
