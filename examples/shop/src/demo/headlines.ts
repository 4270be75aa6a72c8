import pg from 'pg'

/** A question the shop asks all day, with and without the assets of @shop/pg-optimizations. */
interface Headline {
  readonly name: string
  readonly before: string
  readonly after: string
}

const headlines: readonly Headline[] = [
  {
    name: 'search “oak lamp” under €200',
    before: `select p.id from products p join categories c on c.id = p.category_id
      where p.active and p.price_cents <= 20000
        and to_tsvector('english', p.name || ' ' || p.brand || ' ' || p.description || ' ' || c.name)
            @@ websearch_to_tsquery('english', 'oak lamp')
      order by p.id limit 24`,
    after: `select product from fast.search_products('oak lamp', max_price => 20000)`,
  },
  {
    name: 'sales of thirty days, by day',
    before: `select o.created_at::date, count(distinct o.id), sum(i.quantity * i.unit_cents)
      from orders o join order_items i on i.order_id = o.id
      where o.created_at >= current_date - 29 and o.status in ('paid', 'shipped', 'delivered') group by 1`,
    after: `select day, orders, revenue from fast.sales_daily_live where day >= current_date - 29`,
  },
  {
    name: 'stock and units sold of a product',
    before: `select p.stock, (select sum(i.quantity) from order_items i join orders o on o.id = i.order_id
        where i.product_id = p.id and o.status in ('paid', 'shipped', 'delivered'))
      from products p where p.id = 1`,
    after: `select available, sold from fast.inventory_live where product = 1`,
  },
]

/** How long each takes either way, the best of five, as lines to print. */
export async function timeHeadlines(url: string): Promise<string> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const lines: string[] = []
    for (const { name, before, after } of headlines) {
      const [slow, fast] = [await best(client, before), await best(client, after)]
      lines.push(`  ${name.padEnd(34)} ${show(slow)} → ${show(fast)}   ${Math.round(slow / fast)}x`)
    }
    return lines.join('\n')
  } finally {
    await client.end()
  }
}

async function best(client: pg.Client, sql: string): Promise<number> {
  let least = Infinity
  for (let i = 0; i < 5; i++) {
    const { rows } = await client.query<{ 'QUERY PLAN': [{ 'Execution Time': number }] }>(
      `explain (analyze, timing off, format json) ${sql}`,
    )
    least = Math.min(least, rows[0]!['QUERY PLAN'][0]['Execution Time'])
  }
  return least
}

const show = (milliseconds: number) => `${milliseconds.toFixed(2).padStart(8)} ms`
