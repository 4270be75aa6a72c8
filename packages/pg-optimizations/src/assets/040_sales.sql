-- asset: sales
-- about: Sales by day and product, always up to date: triggers append signed changes to a ledger, a fold empties it, views add both.
-- needs: orders.status orders.createdAt items.quantity items.unitPrice
-- for all: fold

-- step: ddl table sales_ledger
-- one row a statement and day; what was bought or taken back lies in it side by side: products, signed units, prices. That is far
-- less WAL than a row each, and nothing is summed before somebody asks.
create table {{own}}.sales_ledger (
  day      date not null,
  orders   smallint not null,
  product  {{type items.product}}[],
  units    {{type items.quantity}}[],
  price    {{type items.unitPrice}}[]
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1);

-- step: ddl view sales_ledger_item
create view {{own}}.sales_ledger_item as
select day, product, units, units::{{worth}} * price::{{worth}} as revenue
from (select day, unnest(product) as product, unnest(units) as units, unnest(price) as price from {{own}}.sales_ledger) item;

-- step: ddl table sales_day
create table {{own}}.sales_day (
  day      date primary key,
  orders   bigint not null,
  units    bigint not null,
  revenue  numeric not null
) with (fillfactor = 50);

-- step: ddl table product_day
create table {{own}}.product_day (
  day      date not null,
  product  {{type items.product}} not null,
  units    bigint not null,
  revenue  numeric not null,
  primary key (day, product)
) with (fillfactor = 60);

-- step: ddl table product_board
-- what each product sold in the last `days` whole days before board_state.today
create table {{own}}.product_board (
  days     integer not null,
  product  {{type items.product}} not null,
  units    bigint not null,
  revenue  numeric not null,
  primary key (days, product)
);

-- step: ddl table product_total
-- what each product ever sold; no index but the key, so that a fold rewrites rows in place
create table {{own}}.product_total (
  product  {{type items.product}} primary key,
  units    bigint not null
) with (fillfactor = 60);

-- step: ddl table board_state
create table {{own}}.board_state (one boolean primary key default true check (one), today date not null);

-- step: ddl index product_board_revenue
create index product_board_revenue on {{own}}.product_board (days, revenue desc, product);

-- step: ddl function sale_day
-- whoever asks: the setting of a session must not decide on which day a sale is taken back
create function {{own}}.sale_day(at {{type orders.createdAt}}) returns date language sql immutable parallel safe
return {{day}};

-- step: ddl function sales_items_inserted
-- What every order goes through (this, sales_order_made, sales_order_changed) names operators, functions and types with their
-- schema instead of setting search_path, which costs each call as much as its work.
create function {{own}}.sales_items_inserted() returns trigger language plpgsql security definer as $$
begin
  -- most often all are of one order, which is this transaction's own and not a sale yet: nothing to do, and nobody else can make it one
  perform from {{orders}} o where o.{{orders.id}} operator(pg_catalog.=) (select n.{{items.order}} from new_items n limit 1)
    and not (o.{{orders.status}}::pg_catalog.text operator(pg_catalog.=) any (array[{{counted}}]))
    and o.xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid
    and not exists (select from new_items n where n.{{items.order}} operator(pg_catalog.<>) o.{{orders.id}});
  if found then return null; end if;
  perform from {{orders}} o where o.{{orders.id}} operator(pg_catalog.=) any (select n.{{items.order}} from new_items n)
    and o.xmin operator(pg_catalog.<>) pg_catalog.pg_current_xact_id()::pg_catalog.xid order by o.{{orders.id}} for share;
  insert into {{own}}.sales_ledger
  select {{own}}.sale_day(o.{{orders.createdAt}}), 0, pg_catalog.array_agg(n.{{items.product}}), pg_catalog.array_agg(n.{{items.quantity}}),
         pg_catalog.array_agg(n.{{items.unitPrice}})
  from new_items n join {{orders}} o on o.{{orders.id}} operator(pg_catalog.=) n.{{items.order}}
  where o.{{orders.status}}::pg_catalog.text operator(pg_catalog.=) any (array[{{counted}}]) and o.{{orders.createdAt}} is not null group by 1;
  return null;
end $$;

-- step: ddl function sales_items_changed
create function {{own}}.sales_items_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform 1 from {{orders}} o
    where o.{{orders.id}} in (select n.{{items.order}} from new_items n union select b.{{items.order}} from old_items b)
    and o.xmin <> pg_current_xact_id()::xid order by o.{{orders.id}} for share;
  insert into {{own}}.sales_ledger
  select {{own}}.sale_day(o.{{orders.createdAt}}), 0, array_agg(change.product), array_agg(change.units), array_agg(change.price)
  from (
    -- only what differs: an update of another column leaves nothing
    (select n.{{items.order}} as order_id, n.{{items.product}} as product, n.{{items.quantity}} as units, n.{{items.unitPrice}} as price from new_items n
     except all select b.{{items.order}}, b.{{items.product}}, b.{{items.quantity}}, b.{{items.unitPrice}} from old_items b)
    union all
    select gone.order_id, gone.product, -gone.units, gone.price from (
      select b.{{items.order}} as order_id, b.{{items.product}} as product, b.{{items.quantity}} as units, b.{{items.unitPrice}} as price from old_items b
      except all select n.{{items.order}}, n.{{items.product}}, n.{{items.quantity}}, n.{{items.unitPrice}} from new_items n) gone
  ) change join {{orders}} o on o.{{orders.id}} = change.order_id
  where o.{{orders.status}}::text in ({{counted}}) and o.{{orders.createdAt}} is not null group by 1;
  return null;
end $$;

-- step: ddl function sales_items_deleted
create function {{own}}.sales_items_deleted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform 1 from {{orders}} o where o.{{orders.id}} in (select b.{{items.order}} from old_items b)
    and o.xmin <> pg_current_xact_id()::xid order by o.{{orders.id}} for share;
  insert into {{own}}.sales_ledger
  select {{own}}.sale_day(o.{{orders.createdAt}}), 0, array_agg(b.{{items.product}}), array_agg(-b.{{items.quantity}}), array_agg(b.{{items.unitPrice}})
  from old_items b join {{orders}} o on o.{{orders.id}} = b.{{items.order}}
  where o.{{orders.status}}::text in ({{counted}}) and o.{{orders.createdAt}} is not null group by 1;
  return null;
end $$;

-- step: ddl function sales_order_uncounted
-- takes an order and its items from a day
create function {{own}}.sales_order_uncounted(of_order {{type orders.id}}, on_day date) returns void language plpgsql security definer set search_path = '' as $$
begin
  insert into {{own}}.sales_ledger
  select on_day, -1, array_agg(i.{{items.product}}), array_agg(-i.{{items.quantity}}), array_agg(i.{{items.unitPrice}})
  from {{items}} i where i.{{items.order}} = of_order;
end $$;

-- step: ddl function sales_order_made
create function {{own}}.sales_order_made() returns trigger language plpgsql security definer as $$
begin
  -- its items come after it, or with it in one statement, and count themselves
  if new.{{orders.status}}::pg_catalog.text operator(pg_catalog.=) any (array[{{counted}}]) and new.{{orders.createdAt}} is not null then
    insert into {{own}}.sales_ledger {{^itemsFirst}}values ({{own}}.sale_day(new.{{orders.createdAt}}), 1);{{/}}{{#itemsFirst}}
    -- but for those that no foreign key kept from being there before it
    select {{own}}.sale_day(new.{{orders.createdAt}}), 1, pg_catalog.array_agg(i.{{items.product}}), pg_catalog.array_agg(i.{{items.quantity}}),
           pg_catalog.array_agg(i.{{items.unitPrice}})
    from {{items}} i where i.{{items.order}} operator(pg_catalog.=) new.{{orders.id}} and not (i.xmin operator(pg_catalog.=) new.xmin
      and i.cmin::pg_catalog.text::pg_catalog.int8 operator(pg_catalog.>=) new.cmin::pg_catalog.text::pg_catalog.int8);{{/}}
  end if;
  return null;
end $$;

-- step: ddl function sales_order_changed
create function {{own}}.sales_order_changed() returns trigger language plpgsql security definer as $$
declare
  -- what has no day is a sale of no day
  was_sale boolean := old.{{orders.status}}::pg_catalog.text operator(pg_catalog.=) any (array[{{counted}}]) and old.{{orders.createdAt}} is not null;
  is_sale boolean := new.{{orders.status}}::pg_catalog.text operator(pg_catalog.=) any (array[{{counted}}]) and new.{{orders.createdAt}} is not null;
begin
  if was_sale and is_sale and {{own}}.sale_day(old.{{orders.createdAt}}) operator(pg_catalog.=) {{own}}.sale_day(new.{{orders.createdAt}}) then
    return null;
  end if;
  if was_sale then perform {{own}}.sales_order_uncounted(old.{{orders.id}}, {{own}}.sale_day(old.{{orders.createdAt}})); end if;
  if is_sale then
    -- what every order goes through once is written out: a call costs a fifth of it
    insert into {{own}}.sales_ledger
    select {{own}}.sale_day(new.{{orders.createdAt}}), 1, pg_catalog.array_agg(i.{{items.product}}), pg_catalog.array_agg(i.{{items.quantity}}),
           pg_catalog.array_agg(i.{{items.unitPrice}})
    from {{items}} i where i.{{items.order}} operator(pg_catalog.=) new.{{orders.id}};
  end if;
  return null;
end $$;

-- step: ddl function sales_order_deleted
-- before the row goes: its items may go with it, and then nobody could say what they were part of
create function {{own}}.sales_order_deleted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if old.{{orders.status}}::text in ({{counted}}) and old.{{orders.createdAt}} is not null then
    perform {{own}}.sales_order_uncounted(old.{{orders.id}}, {{own}}.sale_day(old.{{orders.createdAt}}));
  end if;
  return old;
end $$;

-- step: ddl function sales_truncated
create function {{own}}.sales_truncated() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform {{own}}.sales_build();
  return null;
end $$;

-- step: ddl function sales_build
-- Everything anew. The ledger goes in the statement that counts, so that both see the same orders: what commits meanwhile is not
-- counted, and its ledger rows stay.
create function {{own}}.sales_build() returns void language plpgsql security definer set search_path = '' as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('{{text own}}.fold', 0));
  delete from {{own}}.sales_day;
  delete from {{own}}.product_day;
  delete from {{own}}.product_total;
  with gone as (
    delete from {{own}}.sales_ledger
  ), days as (
    insert into {{own}}.sales_day
    select day, sum(orders), coalesce(sum(units), 0), coalesce(sum(revenue), 0) from (
      select {{own}}.sale_day(o.{{orders.createdAt}}) as day, count(*) as orders, 0 as units, 0 as revenue from {{orders}} o
      where o.{{orders.status}}::text in ({{counted}}) and o.{{orders.createdAt}} is not null group by 1
      union all
      select {{own}}.sale_day(o.{{orders.createdAt}}), 0, i.{{items.quantity}}, i.{{items.quantity}}::{{worth}} * i.{{items.unitPrice}}::{{worth}}
      from {{orders}} o join {{items}} i on i.{{items.order}} = o.{{orders.id}} and i.{{items.product}} is null
      where o.{{orders.status}}::text in ({{counted}}) and o.{{orders.createdAt}} is not null) known group by day
  )
  insert into {{own}}.product_day
  select {{own}}.sale_day(o.{{orders.createdAt}}), i.{{items.product}}, coalesce(sum(i.{{items.quantity}}), 0),
         coalesce(sum(i.{{items.quantity}}::{{worth}} * i.{{items.unitPrice}}::{{worth}}), 0)
  from {{orders}} o join {{items}} i on i.{{items.order}} = o.{{orders.id}} and i.{{items.product}} is not null
  where o.{{orders.status}}::text in ({{counted}}) and o.{{orders.createdAt}} is not null group by 1, 2;
  -- nobody else writes these, so that another snapshot is as good
  update {{own}}.sales_day d set units = d.units + p.units, revenue = d.revenue + p.revenue
  from (select day, sum(units) as units, sum(revenue) as revenue from {{own}}.product_day group by 1) p where p.day = d.day;
  insert into {{own}}.product_total select product, sum(units) from {{own}}.product_day group by product;
  perform {{own}}.boards_build({{own}}.sale_day({{now}}));
exception when unique_violation then
  raise serialization_failure using message = 'a fold has come between this snapshot and the build: begin again';
end $$;

-- step: ddl function boards_build
create function {{own}}.boards_build(present date) returns void language sql security definer set search_path = '' as $$
  delete from {{own}}.product_board;
  insert into {{own}}.product_board
  select w.days, p.product, sum(p.units), sum(p.revenue) from (values (6), (29), (89)) w (days)
  join {{own}}.product_day p on p.day >= present - w.days and p.day < present group by 1, 2;
  insert into {{own}}.board_state (today) values (present) on conflict (one) do update set today = excluded.today;
$$;

-- step: ddl function boards_roll
-- a new day: what has become yesterday joins each board, what has become too old leaves it
create function {{own}}.boards_roll(present date) returns void language plpgsql security definer set search_path = '' as $$
declare
  before date := (select today from {{own}}.board_state);
begin
  if before is null or present < before or present - before > 6 then
    perform {{own}}.boards_build(present);
  elsif present > before then
    insert into {{own}}.product_board as b
    select w.days, p.product, sum(p.units * p.sign), sum(p.revenue * p.sign) from (values (6), (29), (89)) w (days)
    cross join lateral (
      select product, units, revenue, 1 as sign from {{own}}.product_day where day >= before and day < present
      union all
      select product, units, revenue, -1 from {{own}}.product_day where day >= before - w.days and day < present - w.days
    ) p group by 1, 2
    on conflict (days, product) do update set units = b.units + excluded.units, revenue = b.revenue + excluded.revenue;
    delete from {{own}}.product_board where units = 0 and revenue = 0;
    update {{own}}.board_state set today = present;
  end if;
end $$;

-- step: ddl function fold
-- empties the ledger into the roll-ups, at most max_rows rows; 0 when there was nothing, or another fold is at work
create function {{own}}.fold(max_rows int default 10000) returns int language plpgsql security definer set search_path = '' as $$
declare
  folded int;
  present date := {{own}}.sale_day({{now}});
begin
  if not pg_try_advisory_xact_lock(hashtextextended('{{text own}}.fold', 0)) then return 0; end if;
  perform {{own}}.boards_roll(present);
  with taken as materialized (
    delete from {{own}}.sales_ledger where ctid = any (array(select ctid from {{own}}.sales_ledger limit max_rows)) returning *
  ), item as materialized (
    select day, product, coalesce(sum(units), 0)::bigint as units, coalesce(sum(units::{{worth}} * price::{{worth}}), 0) as revenue
    from (select day, unnest(product) as product, unnest(units) as units, unnest(price) as price from taken) t group by 1, 2
  ), days as (
    insert into {{own}}.sales_day as d
    select day, sum(orders), sum(units), sum(revenue) from (
      select day, orders, 0 as units, 0 as revenue from taken union all select day, 0, units, revenue from item) change group by 1
    on conflict (day) do update set orders = d.orders + excluded.orders, units = d.units + excluded.units, revenue = d.revenue + excluded.revenue
  ), product_days as (
    insert into {{own}}.product_day as d select day, product, units, revenue from item where product is not null
    on conflict (day, product) do update set units = d.units + excluded.units, revenue = d.revenue + excluded.revenue
  ), totals as (
    insert into {{own}}.product_total as t select product, sum(units) from item where product is not null group by 1
    on conflict (product) do update set units = t.units + excluded.units
  ), boards as (
    -- today's sales are read from product_day; the boards get only what fell on earlier days
    insert into {{own}}.product_board as b
    select w.days, i.product, sum(i.units), sum(i.revenue) from item i join (values (6), (29), (89)) w (days)
      on i.day < present and i.day >= present - w.days where i.product is not null group by 1, 2
    on conflict (days, product) do update set units = b.units + excluded.units, revenue = b.revenue + excluded.revenue
  )
  select count(*) into folded from taken;
  return folded;
end $$;

-- step: ddl view sales_daily_live
create view {{own}}.sales_daily_live as
select day, sum(orders)::bigint as orders, sum(units)::bigint as units, sum(revenue) as revenue from (
  select day, orders, units, revenue from {{own}}.sales_day
  union all
  select day, orders, 0, 0 from {{own}}.sales_ledger
  union all
  -- summed by itself first, as integers where quantities and prices are
  select day, 0, sum(units), sum(revenue) from {{own}}.sales_ledger_item group by day
) known group by day;

-- step: ddl view product_daily_live
create view {{own}}.product_daily_live as
select day, product, coalesce(sum(units), 0)::bigint as units, coalesce(sum(revenue), 0) as revenue from (
  select day, product, units, revenue from {{own}}.product_day
  union all
  select day, product, units, revenue from {{own}}.sales_ledger_item where product is not null
) known group by day, product;

-- step: ddl function top_products
-- the products with the highest revenue of the last 1, 7, 30 or 90 days, today included; exact at any moment
create function {{own}}.top_products(last_days int default 30, max_rows int default 10)
returns table (product {{type items.product}}, units bigint, revenue numeric)
language plpgsql stable set search_path = '' as $$
declare
  present date := {{own}}.sale_day({{now}});
  whole int := last_days - 1;
  reach int := greatest(100, 4 * max_rows);
  sure boolean;
begin
  if last_days not in (7, 30, 90) or present is distinct from (select today from {{own}}.board_state) then
    -- no board for it, or none for this day yet: from the days themselves
    return query select p.product, sum(p.units)::bigint, sum(p.revenue) from {{own}}.product_daily_live p
      where p.day >= present - whole and p.day <= present group by 1 having sum(p.units) <> 0 or sum(p.revenue) <> 0
      order by 3 desc, 1 limit max_rows;
    return;
  end if;
  -- Fagin's threshold: the first `reach` of the board and of today, and whatever is in the ledger, hold the answer
  -- unless two products further down could together overtake
  return query
    with late as materialized (
      select i.product, sum(i.units)::bigint as units, sum(i.revenue) as revenue from {{own}}.sales_ledger_item i
      where i.day >= present - whole and i.day <= present and i.product is not null group by 1
    ), board as materialized (
      select b.product, b.revenue from {{own}}.product_board b where b.days = whole order by b.revenue desc, b.product limit reach
    ), today as materialized (
      select p.product, p.revenue from {{own}}.product_day p where p.day = present order by p.revenue desc, p.product limit reach
    ), candidate as (
      select b.product from board b union select t.product from today t union select late.product from late
    ), total as (
      select c.product, (coalesce(b.units, 0) + coalesce(t.units, 0) + coalesce(l.units, 0))::bigint as units,
             coalesce(b.revenue, 0) + coalesce(t.revenue, 0) + coalesce(l.revenue, 0) as revenue
      from candidate c
      left join {{own}}.product_board b on b.days = whole and b.product = c.product
      left join {{own}}.product_day t on t.day = present and t.product = c.product
      left join late l on l.product = c.product
    ), best as (
      select t.product, t.units, t.revenue from total t where t.units <> 0 or t.revenue <> 0 order by t.revenue desc, t.product limit max_rows
    )
    select b.product, b.units, b.revenue from best b
    where (select count(*) from board) < reach and (select count(*) from today) < reach
       or (select coalesce(min(best.revenue), 0) from best) >
          (select coalesce(case when count(*) < reach then 0 else min(board.revenue) end, 0) from board)
        + (select coalesce(case when count(*) < reach then 0 else min(today.revenue) end, 0) from today)
    order by b.revenue desc, b.product;
  if found then return; end if;
  return query select p.product, sum(p.units)::bigint, sum(p.revenue) from {{own}}.product_daily_live p
    where p.day >= present - whole and p.day <= present group by 1 having sum(p.units) <> 0 or sum(p.revenue) <> 0
    order by 3 desc, 1 limit max_rows;
end $$;

-- step: ddl trigger shop_sales_items_inserted on items
create trigger shop_sales_items_inserted after insert on {{items}}
  referencing new table as new_items for each statement execute function {{own}}.sales_items_inserted();

-- step: ddl trigger shop_sales_items_changed on items
create trigger shop_sales_items_changed after update on {{items}}
  referencing new table as new_items old table as old_items for each statement execute function {{own}}.sales_items_changed();

-- step: ddl trigger shop_sales_items_deleted on items
create trigger shop_sales_items_deleted after delete on {{items}}
  referencing old table as old_items for each statement execute function {{own}}.sales_items_deleted();

-- step: ddl trigger shop_sales_order_made on orders
-- Row by row, and what is no sale is told apart in the function: a condition here is parsed anew by every statement on the table,
-- which costs it more than the call, and a list of columns would not see what another trigger changes.
create trigger shop_sales_order_made after insert on {{orders}} for each row execute function {{own}}.sales_order_made();

-- step: ddl trigger shop_sales_order_changed on orders
create trigger shop_sales_order_changed after update on {{orders}} for each row execute function {{own}}.sales_order_changed();

-- step: ddl trigger zzz_shop_sales_order_deleted on orders
-- behind yours: one that keeps the row, as where orders are only marked as deleted, must have its say before the order is taken out
create trigger zzz_shop_sales_order_deleted before delete on {{orders}} for each row execute function {{own}}.sales_order_deleted();

-- step: ddl trigger shop_sales_orders_truncated on orders
create trigger shop_sales_orders_truncated after truncate on {{orders}} for each statement execute function {{own}}.sales_truncated();

-- step: ddl trigger shop_sales_items_truncated on items
create trigger shop_sales_items_truncated after truncate on {{items}} for each statement execute function {{own}}.sales_truncated();

-- step: build data sales_built
select {{own}}.sales_build();
