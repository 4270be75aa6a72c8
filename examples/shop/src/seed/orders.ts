import type pg from 'pg'

/**
 * Orders over the last 400 days, as a shop has them: a growing business, evenings and Sundays busy, nights quiet, a peak
 * at the end of November and a broad one before Christmas; a few products sell most (Zipf with exponent 0.8), some customers come back often.
 */
export async function seedOrders(
  client: pg.ClientBase,
  { products, orders, customers }: { products: number; orders: number; customers: number },
): Promise<void> {
  // each hour's share of the total, rounded cumulatively so that the shares add up to it exactly
  await client.query(
    `create temp table hours on commit drop as
     with weighted as (
       select hour,
         (0.5 + 0.5 * extract(epoch from hour - (now() - interval '400 days')) / extract(epoch from interval '400 days'))
         * (array[3,2,1,1,1,2,4,7,9,10,11,12,13,11,10,10,11,12,14,17,19,17,12,7])[1 + extract(hour from hour)::int]
         * (array[1.35,1,0.95,0.95,1,1.05,1.15])[1 + extract(dow from hour)::int]
         * (1 + 0.9 * exp(-power((extract(doy from hour) - 331) / 3.0, 2)) + 0.8 * exp(-power((extract(doy from hour) - 346) / 7.0, 2)))
         as weight
       from generate_series(date_trunc('hour', now()) - interval '400 days', date_trunc('hour', now()), '1 hour') hour)
     select hour, round($1::float8 * sum(weight) over upto / sum(weight) over ()) as upto
     from weighted window upto as (order by hour)`,
    [orders],
  )
  await client.query(
    `create temp table new_orders on commit drop as
     select row_number() over (order by placed) as id, placed,
            1 + floor(power(random(), 1.7) * $1)::int as customer_id,
            1 + floor(-ln(1 - random()) * 1.2)::int as lines, random() as fate
     from (select hour + random() * least(interval '1 hour', now() - hour) as placed
           from (select hour, upto - lag(upto, 1, 0) over (order by hour) as orders from hours) h,
                generate_series(1, orders::int)) placed`,
    [customers],
  )
  await client.query(
    `create temp table new_items on commit drop as
     select i.order_id, i.product_id, i.quantity, p.price_cents as unit_cents
     from (select id as order_id,
                  -- popular products are not the first ones: the prime scatters the ranks over the ids
                  1 + ((floor(power(1 + random() * (power($1 + 1, 0.2) - 1), 5))::bigint - 1) * 7919 % $1)::int as product_id,
                  sum(1 + floor(-ln(1 - random()) * 0.5))::int as quantity
           from new_orders, generate_series(1, lines) group by 1, 2) i
     join products p on p.id = i.product_id`,
    [products],
  )
  await client.query(
    `insert into orders (id, customer_id, status, total_cents, created_at, paid_at)
     select id, customer_id, status, total, placed, case when status <> 'cancelled' then placed + interval '40 seconds' end
     from (select o.*, t.total,
             case when fate < 0.03 then 'cancelled' when fate < 0.07 and placed < now() - interval '5 days' then 'refunded'
                  when placed > now() - interval '30 hours' then 'paid'
                  when placed > now() - interval '4 days' then 'shipped' else 'delivered' end as status
           from new_orders o
           join (select order_id, sum(quantity * unit_cents) as total from new_items group by 1) t on t.order_id = o.id) o
     order by id`,
  )
  await client.query('insert into order_items select * from new_items order by order_id, product_id')
  await client.query(
    `update products p set sold = i.units from (select product_id, sum(quantity) as units from new_items group by 1) i
     where p.id = i.product_id`,
  )
  await client.query(`select setval('orders_id_seq', $1)`, [orders])
}
