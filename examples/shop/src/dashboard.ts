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
    `select to_char(day, 'YYYY-MM-DD') as day, count(o.id) as orders, coalesce(sum(o.total_cents), 0) as cents
     from generate_series(current_date - ($1::int - 1), current_date, interval '1 day') day
     left join orders o on o.created_at >= day and o.created_at < day + interval '1 day'
       and o.status in ('paid', 'shipped', 'delivered')
     group by day order by day`,
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

export const topProducts = (db: Database, days: number): Promise<TopProduct[]> =>
  db.rows(
    `select p.slug, p.brand || ' ' || p.name as name, c.art, p.hue, top.units, top.cents
     from (select i.product_id, sum(i.quantity) as units, sum(i.quantity * i.unit_cents) as cents
           from orders o join order_items i on i.order_id = o.id
           where o.created_at >= current_date - ($1::int - 1) and o.status in ('paid', 'shipped', 'delivered')
           group by 1 order by 3 desc, 1 limit 8) top
     join products p on p.id = top.product_id join categories c on c.id = p.category_id
     order by top.cents desc, p.id`,
    [days],
  )

export const salesBySection = (db: Database, days: number): Promise<{ section: string; cents: number }[]> =>
  db.rows(
    `select c.section, sum(i.quantity * i.unit_cents) as cents
     from orders o join order_items i on i.order_id = o.id
     join products p on p.id = i.product_id join categories c on c.id = p.category_id
     where o.created_at >= current_date - ($1::int - 1) and o.status in ('paid', 'shipped', 'delivered')
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
    `select p.slug, p.brand || ' ' || p.name as name, c.art, p.hue, p.stock
     from products p join categories c on c.id = p.category_id
     where p.active and p.stock < 10 order by p.sold desc, p.id limit 8`,
  )
