-- asset: dashboards
-- about: The four materialised views, each refreshed without blocking its readers; sales_daily_live and top_products are never stale.
-- needs: orders.status items.quantity
-- rests on: sales
-- for all: refresh_all_materialized_views

-- step: ddl matview sales_summary_daily
create materialized view {{own}}.sales_summary_daily as
select {{own}}.sale_day(o.{{orders.createdAt}}) as day, count(distinct o.{{orders.id}}) as orders, count(distinct o.{{orders.customer}}) as customers,
       coalesce(sum(i.{{items.quantity}}), 0)::bigint as units, coalesce(sum(i.{{items.quantity}}::{{worth}} * i.{{items.unitPrice}}::{{worth}}), 0)::numeric as revenue,
       round(coalesce(sum(i.{{items.quantity}}::{{worth}} * i.{{items.unitPrice}}::{{worth}}), 0)::numeric / count(distinct o.{{orders.id}}), 2) as average_order
from {{orders}} o left join {{items}} i on i.{{items.order}} = o.{{orders.id}}
where o.{{orders.status}}::text in ({{counted}}) and o.{{orders.createdAt}} is not null group by 1;

-- step: ddl index sales_summary_daily_day
create unique index sales_summary_daily_day on {{own}}.sales_summary_daily (day);

-- step: ddl matview top_products_hourly
create materialized view {{own}}.top_products_hourly as
select row_number() over (order by revenue desc, product) as rank, product, units, revenue from (
  select i.{{items.product}} as product, coalesce(sum(i.{{items.quantity}}), 0)::bigint as units,
         coalesce(sum(i.{{items.quantity}}::{{worth}} * i.{{items.unitPrice}}::{{worth}}), 0)::numeric as revenue
  from {{orders}} o join {{items}} i on i.{{items.order}} = o.{{orders.id}}
  where o.{{orders.status}}::text in ({{counted}}) and i.{{items.product}} is not null and o.{{orders.createdAt}} >= {{now}} - interval '30 days'
  group by 1 order by 3 desc, 1 limit 100) top;

-- step: ddl index top_products_hourly_product
create unique index top_products_hourly_product on {{own}}.top_products_hourly (product);

-- step: ddl matview sales_dashboard_realtime
create materialized view {{own}}.sales_dashboard_realtime as
select w.days, count(distinct o.{{orders.id}}) as orders, count(distinct o.{{orders.customer}}) as customers,
       coalesce(sum(i.{{items.quantity}}), 0)::bigint as units, coalesce(sum(i.{{items.quantity}}::{{worth}} * i.{{items.unitPrice}}::{{worth}}), 0)::numeric as revenue,
       now() as refreshed_at
from (values (1), (7), (30)) w (days)
left join {{orders}} o on {{own}}.sale_day(o.{{orders.createdAt}}) > {{own}}.sale_day({{now}}) - w.days
  and o.{{orders.createdAt}} >= {{now}} - interval '31 days' and o.{{orders.status}}::text in ({{counted}})
left join {{items}} i on i.{{items.order}} = o.{{orders.id}}
group by w.days;

-- step: ddl index sales_dashboard_realtime_days
create unique index sales_dashboard_realtime_days on {{own}}.sales_dashboard_realtime (days);

-- step: ddl matview products_stats
create materialized view {{own}}.products_stats as
select p.{{products.id}} as product, coalesce(s.orders, 0) as orders, coalesce(s.units, 0) as units, coalesce(s.revenue, 0) as revenue, s.last_sold_at
       {{#products.stock}}, p.{{products.stock}} as stock{{/}}{{#products.rating}}, p.{{products.rating}} as rating{{/}}
from {{products}} p left join (
  select i.{{items.product}} as product, count(distinct o.{{orders.id}}) as orders, sum(i.{{items.quantity}})::bigint as units,
         sum(i.{{items.quantity}}::{{worth}} * i.{{items.unitPrice}}::{{worth}})::numeric as revenue, max(o.{{orders.createdAt}}) as last_sold_at
  from {{orders}} o join {{items}} i on i.{{items.order}} = o.{{orders.id}}
  where o.{{orders.status}}::text in ({{counted}}) and o.{{orders.createdAt}} is not null group by 1) s on s.product = p.{{products.id}};

-- step: ddl index products_stats_product
create unique index products_stats_product on {{own}}.products_stats (product);

-- step: ddl index products_stats_revenue
create index products_stats_revenue on {{own}}.products_stats (revenue desc, product);

-- step: ddl function refresh_all_materialized_views
-- one after the other, readers unblocked; tells how long each took and how many rows it has
create function {{own}}.refresh_all_materialized_views() returns table (view_name text, took interval, row_count bigint)
language plpgsql security definer set search_path = '' as $$
declare
  started timestamptz;
begin
  foreach view_name in array array['sales_summary_daily', 'top_products_hourly', 'sales_dashboard_realtime', 'products_stats'] loop
    started := clock_timestamp();
    execute format('refresh materialized view concurrently %s.%I', '{{text own}}', view_name);
    took := clock_timestamp() - started;
    raise notice '% refreshed in %', view_name, took;
    execute format('select count(*) from %s.%I', '{{text own}}', view_name) into row_count;
    return next;
  end loop;
end $$;
