-- The four materialised views, each refreshed without blocking its readers; sales_daily_live and top_products are never stale.

create materialized view "shop".sales_summary_daily as
select "shop".sale_day(o."created_at") as day, count(distinct o."id") as orders, count(distinct o."customer_id") as customers,
       coalesce(sum(i."quantity"), 0)::bigint as units, coalesce(sum(i."quantity"::numeric * i."unit_cents"::numeric), 0)::numeric as revenue,
       round(coalesce(sum(i."quantity"::numeric * i."unit_cents"::numeric), 0)::numeric / count(distinct o."id"), 2) as average_order
from "public"."orders" o left join "public"."order_items" i on i."order_id" = o."id"
where o."status"::text in ('paid', 'shipped', 'delivered') and o."created_at" is not null group by 1;
comment on materialized view "shop"."sales_summary_daily" is 'shop-pg dashboards 0af77f89d427 shop';

create unique index sales_summary_daily_day on "shop".sales_summary_daily (day);
comment on index "shop"."sales_summary_daily_day" is 'shop-pg dashboards e183956ef7c8 shop';

create materialized view "shop".top_products_hourly as
select row_number() over (order by revenue desc, product) as rank, product, units, revenue from (
  select i."product_id" as product, coalesce(sum(i."quantity"), 0)::bigint as units,
         coalesce(sum(i."quantity"::numeric * i."unit_cents"::numeric), 0)::numeric as revenue
  from "public"."orders" o join "public"."order_items" i on i."order_id" = o."id"
  where o."status"::text in ('paid', 'shipped', 'delivered') and i."product_id" is not null and o."created_at" >= now() - interval '30 days'
  group by 1 order by 3 desc, 1 limit 100) top;
comment on materialized view "shop"."top_products_hourly" is 'shop-pg dashboards 867289d6cdd0 shop';

create unique index top_products_hourly_product on "shop".top_products_hourly (product);
comment on index "shop"."top_products_hourly_product" is 'shop-pg dashboards 775f85ef28a7 shop';

create materialized view "shop".sales_dashboard_realtime as
select w.days, count(distinct o."id") as orders, count(distinct o."customer_id") as customers,
       coalesce(sum(i."quantity"), 0)::bigint as units, coalesce(sum(i."quantity"::numeric * i."unit_cents"::numeric), 0)::numeric as revenue,
       now() as refreshed_at
from (values (1), (7), (30)) w (days)
left join "public"."orders" o on "shop".sale_day(o."created_at") > "shop".sale_day(now()) - w.days
  and o."created_at" >= now() - interval '31 days' and o."status"::text in ('paid', 'shipped', 'delivered')
left join "public"."order_items" i on i."order_id" = o."id"
group by w.days;
comment on materialized view "shop"."sales_dashboard_realtime" is 'shop-pg dashboards 44f54a5ee5a6 shop';

create unique index sales_dashboard_realtime_days on "shop".sales_dashboard_realtime (days);
comment on index "shop"."sales_dashboard_realtime_days" is 'shop-pg dashboards d1eb5d66b61d shop';

create materialized view "shop".products_stats as
select p."id" as product, coalesce(s.orders, 0) as orders, coalesce(s.units, 0) as units, coalesce(s.revenue, 0) as revenue, s.last_sold_at
       , p."stock" as stock, p."rating" as rating
from "public"."products" p left join (
  select i."product_id" as product, count(distinct o."id") as orders, sum(i."quantity")::bigint as units,
         sum(i."quantity"::numeric * i."unit_cents"::numeric)::numeric as revenue, max(o."created_at") as last_sold_at
  from "public"."orders" o join "public"."order_items" i on i."order_id" = o."id"
  where o."status"::text in ('paid', 'shipped', 'delivered') and o."created_at" is not null group by 1) s on s.product = p."id";
comment on materialized view "shop"."products_stats" is 'shop-pg dashboards 6666cf003fb6 shop';

create unique index products_stats_product on "shop".products_stats (product);
comment on index "shop"."products_stats_product" is 'shop-pg dashboards 306a56650235 shop';

create index products_stats_revenue on "shop".products_stats (revenue desc, product);
comment on index "shop"."products_stats_revenue" is 'shop-pg dashboards 2c2ac1126825 shop';

-- one after the other, readers unblocked; tells how long each took and how many rows it has
create function "shop".refresh_all_materialized_views() returns table (view_name text, took interval, row_count bigint)
language plpgsql security definer set search_path = '' as $$
declare
  started timestamptz;
begin
  foreach view_name in array array['sales_summary_daily', 'top_products_hourly', 'sales_dashboard_realtime', 'products_stats'] loop
    started := clock_timestamp();
    execute format('refresh materialized view concurrently %s.%I', '"shop"', view_name);
    took := clock_timestamp() - started;
    raise notice '% refreshed in %', view_name, took;
    execute format('select count(*) from %s.%I', '"shop"', view_name) into row_count;
    return next;
  end loop;
end $$;
comment on function "shop"."refresh_all_materialized_views" is 'shop-pg dashboards 263a4ac8a182 shop';
