import type { Database } from './database.ts'
import type { Product } from './catalogue.ts'
import type { Status } from './orders.ts'

export interface Day {
  readonly day: string
  readonly orders: number
  readonly cents: number
}

/** Sales of each of the last `days` days, the present one included; a day without sales is there with zero. */
export const salesByDay = (db: Database, days: number): Promise<Day[]> =>
  db.rows(
    `select to_char(d.day, 'YYYY-MM-DD') as day, coalesce(s.orders, 0) as orders, coalesce(s.revenue, 0)::float8 as cents
     from generate_series(current_date - ($1::int - 1), current_date, interval '1 day') d(day)
     left join fast.sales_daily_live s on s.day = d.day::date
     order by d.day`,
    [days],
  )

/** Orders by hour of the day, over the last `days` days. */
export const ordersByHour = (db: Database, days: number): Promise<{ hour: number; orders: number }[]> =>
  db.rows(
    `select extract(hour from created_at)::int as hour, count(*) as orders from orders
     where created_at >= current_date - $1::int group by 1 order by 1`,
    [days],
  )

export interface TopProduct extends Pick<Product, 'slug' | 'name' | 'art' | 'hue'> {
  readonly units: number
  readonly cents: number
}

/** The products with the highest revenue of the last thirty days, exact at any moment. */
export const topProducts = (db: Database): Promise<TopProduct[]> =>
  db.rows(
    `select p.slug, p.brand || ' ' || p.name as name, c.art, p.hue, t.units, t.revenue::float8 as cents
     from fast.top_products(30, 8) t
     join products p on p.id = t.product join categories c on c.id = p.category_id
     order by t.revenue desc, p.id`,
  )

export const salesBySection = (db: Database, days: number): Promise<{ section: string; cents: number }[]> =>
  db.rows(
    `select c.section, sum(s.revenue)::float8 as cents
     from (select product, sum(revenue) as revenue from fast.product_daily_live
           where day > current_date - $1::int group by 1) s
     join products p on p.id = s.product join categories c on c.id = p.category_id
     group by 1 order by 2 desc`,
    [days],
  )

/** How the orders of the last `days` days stand. */
export const ordersByStatus = (db: Database, days: number): Promise<{ status: Status; orders: number }[]> =>
  db.rows(
    `select status, count(*) as orders from orders where created_at >= current_date - $1::int group by 1 order by 2 desc`,
    [days],
  )

/** Popular products that are about to run out. */
export const lowStock = (db: Database): Promise<Pick<Product, 'slug' | 'name' | 'art' | 'hue' | 'stock'>[]> =>
  db.rows(
    `select p.slug, p.brand || ' ' || p.name as name, c.art, p.hue, i.available as stock
     from fast.inventory_live i join products p on p.id = i.product join categories c on c.id = p.category_id
     where i.available < 10 and p.active order by i.sold desc, p.id limit 8`,
  )
