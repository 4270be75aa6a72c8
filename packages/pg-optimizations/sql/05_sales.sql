-- Sales by day and product, always up to date: triggers append signed changes to a ledger, a fold empties it, views add both.

-- one row a statement and day; what was bought or taken back lies in it side by side: products, signed units, prices. That is far
-- less WAL than a row each, and nothing is summed before somebody asks.
create table "shop".sales_ledger (
  day      date not null,
  orders   smallint not null,
  product  bigint[],
  units    bigint[],
  price    bigint[]
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1);
comment on table "shop"."sales_ledger" is 'shop-pg sales 18ed4dce7a8c shop';

create view "shop".sales_ledger_item as
select day, product, units, units::numeric * price::numeric as revenue
from (select day, unnest(product) as product, unnest(units) as units, unnest(price) as price from "shop".sales_ledger) item;
comment on view "shop"."sales_ledger_item" is 'shop-pg sales 899b268452b8 shop';

create table "shop".sales_day (
  day      date primary key,
  orders   bigint not null,
  units    bigint not null,
  revenue  numeric not null
) with (fillfactor = 50);
comment on table "shop"."sales_day" is 'shop-pg sales 9d954501ab2e shop';

create table "shop".product_day (
  day      date not null,
  product  bigint not null,
  units    bigint not null,
  revenue  numeric not null,
  primary key (day, product)
) with (fillfactor = 60);
comment on table "shop"."product_day" is 'shop-pg sales f57565333b39 shop';

-- what each product sold in the last `days` whole days before board_state.today
create table "shop".product_board (
  days     integer not null,
  product  bigint not null,
  units    bigint not null,
  revenue  numeric not null,
  primary key (days, product)
);
comment on table "shop"."product_board" is 'shop-pg sales c02ff80946a1 shop';

-- what each product ever sold; no index but the key, so that a fold rewrites rows in place
create table "shop".product_total (
  product  bigint primary key,
  units    bigint not null
) with (fillfactor = 60);
comment on table "shop"."product_total" is 'shop-pg sales 7bb3f16ac881 shop';

create table "shop".board_state (one boolean primary key default true check (one), today date not null);
comment on table "shop"."board_state" is 'shop-pg sales 495a234f660a shop';

create index product_board_revenue on "shop".product_board (days, revenue desc, product);
comment on index "shop"."product_board_revenue" is 'shop-pg sales 131c5aa7b3e4 shop';

-- whoever asks: the setting of a session must not decide on which day a sale is taken back
create function "shop".sale_day(at timestamptz) returns date language sql immutable parallel safe
return (at at time zone 'UTC')::date;
comment on function "shop"."sale_day" is 'shop-pg sales 88fac8a5709d shop';

-- What every order goes through (this, sales_order_made, sales_order_changed) names operators, functions and types with their
-- schema instead of setting search_path, which costs each call as much as its work.
create function "shop".sales_items_inserted() returns trigger language plpgsql security definer as $$
begin
  -- most often all are of one order, which is this transaction's own and not a sale yet: nothing to do, and nobody else can make it one
  perform from "public"."orders" o where o."id" operator(pg_catalog.=) (select n."order_id" from new_items n limit 1)
    and not (o."status"::pg_catalog.text operator(pg_catalog.=) any (array['paid', 'shipped', 'delivered']))
    and o.xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid
    and not exists (select from new_items n where n."order_id" operator(pg_catalog.<>) o."id");
  if found then return null; end if;
  perform from "public"."orders" o where o."id" operator(pg_catalog.=) any (select n."order_id" from new_items n)
    and o.xmin operator(pg_catalog.<>) pg_catalog.pg_current_xact_id()::pg_catalog.xid order by o."id" for share;
  insert into "shop".sales_ledger
  select "shop".sale_day(o."created_at"), 0, pg_catalog.array_agg(n."product_id"), pg_catalog.array_agg(n."quantity"),
         pg_catalog.array_agg(n."unit_cents")
  from new_items n join "public"."orders" o on o."id" operator(pg_catalog.=) n."order_id"
  where o."status"::pg_catalog.text operator(pg_catalog.=) any (array['paid', 'shipped', 'delivered']) and o."created_at" is not null group by 1;
  return null;
end $$;
revoke execute on function "shop".sales_items_inserted from public;
comment on function "shop"."sales_items_inserted" is 'shop-pg sales 2e9ad66a0115 shop';

create function "shop".sales_items_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform 1 from "public"."orders" o
    where o."id" in (select n."order_id" from new_items n union select b."order_id" from old_items b)
    and o.xmin <> pg_current_xact_id()::xid order by o."id" for share;
  insert into "shop".sales_ledger
  select "shop".sale_day(o."created_at"), 0, array_agg(change.product), array_agg(change.units), array_agg(change.price)
  from (
    -- only what differs: an update of another column leaves nothing
    (select n."order_id" as order_id, n."product_id" as product, n."quantity" as units, n."unit_cents" as price from new_items n
     except all select b."order_id", b."product_id", b."quantity", b."unit_cents" from old_items b)
    union all
    select gone.order_id, gone.product, -gone.units, gone.price from (
      select b."order_id" as order_id, b."product_id" as product, b."quantity" as units, b."unit_cents" as price from old_items b
      except all select n."order_id", n."product_id", n."quantity", n."unit_cents" from new_items n) gone
  ) change join "public"."orders" o on o."id" = change.order_id
  where o."status"::text in ('paid', 'shipped', 'delivered') and o."created_at" is not null group by 1;
  return null;
end $$;
revoke execute on function "shop".sales_items_changed from public;
comment on function "shop"."sales_items_changed" is 'shop-pg sales b560e26da3d1 shop';

create function "shop".sales_items_deleted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform 1 from "public"."orders" o where o."id" in (select b."order_id" from old_items b)
    and o.xmin <> pg_current_xact_id()::xid order by o."id" for share;
  insert into "shop".sales_ledger
  select "shop".sale_day(o."created_at"), 0, array_agg(b."product_id"), array_agg(-b."quantity"), array_agg(b."unit_cents")
  from old_items b join "public"."orders" o on o."id" = b."order_id"
  where o."status"::text in ('paid', 'shipped', 'delivered') and o."created_at" is not null group by 1;
  return null;
end $$;
revoke execute on function "shop".sales_items_deleted from public;
comment on function "shop"."sales_items_deleted" is 'shop-pg sales a5654c60060d shop';

-- takes an order and its items from a day
create function "shop".sales_order_uncounted(of_order bigint, on_day date) returns void language plpgsql security definer set search_path = '' as $$
begin
  insert into "shop".sales_ledger
  select on_day, -1, array_agg(i."product_id"), array_agg(-i."quantity"), array_agg(i."unit_cents")
  from "public"."order_items" i where i."order_id" = of_order;
end $$;
revoke execute on function "shop".sales_order_uncounted from public;
comment on function "shop"."sales_order_uncounted" is 'shop-pg sales 38ccca734190 shop';

create function "shop".sales_order_made() returns trigger language plpgsql security definer as $$
begin
  -- its items come after it, or with it in one statement, and count themselves
  if new."status"::pg_catalog.text operator(pg_catalog.=) any (array['paid', 'shipped', 'delivered']) and new."created_at" is not null then
    insert into "shop".sales_ledger values ("shop".sale_day(new."created_at"), 1);
  end if;
  return null;
end $$;
revoke execute on function "shop".sales_order_made from public;
comment on function "shop"."sales_order_made" is 'shop-pg sales 6a9b6b6f9c93 shop';

create function "shop".sales_order_changed() returns trigger language plpgsql security definer as $$
declare
  -- what has no day is a sale of no day
  was_sale boolean := old."status"::pg_catalog.text operator(pg_catalog.=) any (array['paid', 'shipped', 'delivered']) and old."created_at" is not null;
  is_sale boolean := new."status"::pg_catalog.text operator(pg_catalog.=) any (array['paid', 'shipped', 'delivered']) and new."created_at" is not null;
begin
  if was_sale and is_sale and "shop".sale_day(old."created_at") operator(pg_catalog.=) "shop".sale_day(new."created_at") then
    return null;
  end if;
  if was_sale then perform "shop".sales_order_uncounted(old."id", "shop".sale_day(old."created_at")); end if;
  if is_sale then
    -- what every order goes through once is written out: a call costs a fifth of it
    insert into "shop".sales_ledger
    select "shop".sale_day(new."created_at"), 1, pg_catalog.array_agg(i."product_id"), pg_catalog.array_agg(i."quantity"),
           pg_catalog.array_agg(i."unit_cents")
    from "public"."order_items" i where i."order_id" operator(pg_catalog.=) new."id";
  end if;
  return null;
end $$;
revoke execute on function "shop".sales_order_changed from public;
comment on function "shop"."sales_order_changed" is 'shop-pg sales cb0ad68d84f9 shop';

-- before the row goes: its items may go with it, and then nobody could say what they were part of
create function "shop".sales_order_deleted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if old."status"::text in ('paid', 'shipped', 'delivered') and old."created_at" is not null then
    perform "shop".sales_order_uncounted(old."id", "shop".sale_day(old."created_at"));
  end if;
  return old;
end $$;
revoke execute on function "shop".sales_order_deleted from public;
comment on function "shop"."sales_order_deleted" is 'shop-pg sales a76019076e99 shop';

create function "shop".sales_truncated() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform "shop".sales_build();
  return null;
end $$;
revoke execute on function "shop".sales_truncated from public;
comment on function "shop"."sales_truncated" is 'shop-pg sales d7fd471a5db2 shop';

-- Everything anew. The ledger goes in the statement that counts, so that both see the same orders: what commits meanwhile is not
-- counted, and its ledger rows stay.
create function "shop".sales_build() returns void language plpgsql security definer set search_path = '' as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('"shop".fold', 0));
  delete from "shop".sales_day;
  delete from "shop".product_day;
  delete from "shop".product_total;
  with gone as (
    delete from "shop".sales_ledger
  ), days as (
    insert into "shop".sales_day
    select day, sum(orders), coalesce(sum(units), 0), coalesce(sum(revenue), 0) from (
      select "shop".sale_day(o."created_at") as day, count(*) as orders, 0 as units, 0 as revenue from "public"."orders" o
      where o."status"::text in ('paid', 'shipped', 'delivered') and o."created_at" is not null group by 1
      union all
      select "shop".sale_day(o."created_at"), 0, i."quantity", i."quantity"::numeric * i."unit_cents"::numeric
      from "public"."orders" o join "public"."order_items" i on i."order_id" = o."id" and i."product_id" is null
      where o."status"::text in ('paid', 'shipped', 'delivered') and o."created_at" is not null) known group by day
  )
  insert into "shop".product_day
  select "shop".sale_day(o."created_at"), i."product_id", coalesce(sum(i."quantity"), 0),
         coalesce(sum(i."quantity"::numeric * i."unit_cents"::numeric), 0)
  from "public"."orders" o join "public"."order_items" i on i."order_id" = o."id" and i."product_id" is not null
  where o."status"::text in ('paid', 'shipped', 'delivered') and o."created_at" is not null group by 1, 2;
  -- nobody else writes these, so that another snapshot is as good
  update "shop".sales_day d set units = d.units + p.units, revenue = d.revenue + p.revenue
  from (select day, sum(units) as units, sum(revenue) as revenue from "shop".product_day group by 1) p where p.day = d.day;
  insert into "shop".product_total select product, sum(units) from "shop".product_day group by product;
  perform "shop".boards_build("shop".sale_day(now()));
exception when unique_violation then
  raise serialization_failure using message = 'a fold has come between this snapshot and the build: begin again';
end $$;
revoke execute on function "shop".sales_build from public;
comment on function "shop"."sales_build" is 'shop-pg sales 344bf2d95503 shop';

create function "shop".boards_build(present date) returns void language sql security definer set search_path = '' as $$
  delete from "shop".product_board;
  insert into "shop".product_board
  select w.days, p.product, sum(p.units), sum(p.revenue) from (values (6), (29), (89)) w (days)
  join "shop".product_day p on p.day >= present - w.days and p.day < present group by 1, 2;
  insert into "shop".board_state (today) values (present) on conflict (one) do update set today = excluded.today;
$$;
revoke execute on function "shop".boards_build from public;
comment on function "shop"."boards_build" is 'shop-pg sales b35ed9438354 shop';

-- a new day: what has become yesterday joins each board, what has become too old leaves it
create function "shop".boards_roll(present date) returns void language plpgsql security definer set search_path = '' as $$
declare
  before date := (select today from "shop".board_state);
begin
  if before is null or present < before or present - before > 6 then
    perform "shop".boards_build(present);
  elsif present > before then
    insert into "shop".product_board as b
    select w.days, p.product, sum(p.units * p.sign), sum(p.revenue * p.sign) from (values (6), (29), (89)) w (days)
    cross join lateral (
      select product, units, revenue, 1 as sign from "shop".product_day where day >= before and day < present
      union all
      select product, units, revenue, -1 from "shop".product_day where day >= before - w.days and day < present - w.days
    ) p group by 1, 2
    on conflict (days, product) do update set units = b.units + excluded.units, revenue = b.revenue + excluded.revenue;
    delete from "shop".product_board where units = 0 and revenue = 0;
    update "shop".board_state set today = present;
  end if;
end $$;
revoke execute on function "shop".boards_roll from public;
comment on function "shop"."boards_roll" is 'shop-pg sales 7e0114aff455 shop';

-- empties the ledger into the roll-ups, at most max_rows rows; 0 when there was nothing, or another fold is at work
create function "shop".fold(max_rows int default 10000) returns int language plpgsql security definer set search_path = '' as $$
declare
  folded int;
  present date := "shop".sale_day(now());
begin
  if not pg_try_advisory_xact_lock(hashtextextended('"shop".fold', 0)) then return 0; end if;
  perform "shop".boards_roll(present);
  with taken as materialized (
    delete from "shop".sales_ledger where ctid = any (array(select ctid from "shop".sales_ledger limit max_rows)) returning *
  ), item as materialized (
    select day, product, coalesce(sum(units), 0)::bigint as units, coalesce(sum(units::numeric * price::numeric), 0) as revenue
    from (select day, unnest(product) as product, unnest(units) as units, unnest(price) as price from taken) t group by 1, 2
  ), days as (
    insert into "shop".sales_day as d
    select day, sum(orders), sum(units), sum(revenue) from (
      select day, orders, 0 as units, 0 as revenue from taken union all select day, 0, units, revenue from item) change group by 1
    on conflict (day) do update set orders = d.orders + excluded.orders, units = d.units + excluded.units, revenue = d.revenue + excluded.revenue
  ), product_days as (
    insert into "shop".product_day as d select day, product, units, revenue from item where product is not null
    on conflict (day, product) do update set units = d.units + excluded.units, revenue = d.revenue + excluded.revenue
  ), totals as (
    insert into "shop".product_total as t select product, sum(units) from item where product is not null group by 1
    on conflict (product) do update set units = t.units + excluded.units
  ), boards as (
    -- today's sales are read from product_day; the boards get only what fell on earlier days
    insert into "shop".product_board as b
    select w.days, i.product, sum(i.units), sum(i.revenue) from item i join (values (6), (29), (89)) w (days)
      on i.day < present and i.day >= present - w.days where i.product is not null group by 1, 2
    on conflict (days, product) do update set units = b.units + excluded.units, revenue = b.revenue + excluded.revenue
  )
  select count(*) into folded from taken;
  return folded;
end $$;
comment on function "shop"."fold" is 'shop-pg sales ed97f1f7c93b shop';

create view "shop".sales_daily_live as
select day, sum(orders)::bigint as orders, sum(units)::bigint as units, sum(revenue) as revenue from (
  select day, orders, units, revenue from "shop".sales_day
  union all
  select day, orders, 0, 0 from "shop".sales_ledger
  union all
  -- summed by itself first, as integers where quantities and prices are
  select day, 0, sum(units), sum(revenue) from "shop".sales_ledger_item group by day
) known group by day;
comment on view "shop"."sales_daily_live" is 'shop-pg sales 541def2fdaa0 shop';

create view "shop".product_daily_live as
select day, product, coalesce(sum(units), 0)::bigint as units, coalesce(sum(revenue), 0) as revenue from (
  select day, product, units, revenue from "shop".product_day
  union all
  select day, product, units, revenue from "shop".sales_ledger_item where product is not null
) known group by day, product;
comment on view "shop"."product_daily_live" is 'shop-pg sales c9c279226514 shop';

-- the products with the highest revenue of the last 1, 7, 30 or 90 days, today included; exact at any moment
create function "shop".top_products(last_days int default 30, max_rows int default 10)
returns table (product bigint, units bigint, revenue numeric)
language plpgsql stable set search_path = '' as $$
declare
  present date := "shop".sale_day(now());
  whole int := last_days - 1;
  reach int := greatest(100, 4 * max_rows);
  sure boolean;
begin
  if last_days not in (7, 30, 90) or present is distinct from (select today from "shop".board_state) then
    -- no board for it, or none for this day yet: from the days themselves
    return query select p.product, sum(p.units)::bigint, sum(p.revenue) from "shop".product_daily_live p
      where p.day >= present - whole and p.day <= present group by 1 having sum(p.units) <> 0 or sum(p.revenue) <> 0
      order by 3 desc, 1 limit max_rows;
    return;
  end if;
  -- Fagin's threshold: the first `reach` of the board and of today, and whatever is in the ledger, hold the answer
  -- unless two products further down could together overtake
  return query
    with late as materialized (
      select i.product, sum(i.units)::bigint as units, sum(i.revenue) as revenue from "shop".sales_ledger_item i
      where i.day >= present - whole and i.day <= present and i.product is not null group by 1
    ), board as materialized (
      select b.product, b.revenue from "shop".product_board b where b.days = whole order by b.revenue desc, b.product limit reach
    ), today as materialized (
      select p.product, p.revenue from "shop".product_day p where p.day = present order by p.revenue desc, p.product limit reach
    ), candidate as (
      select b.product from board b union select t.product from today t union select late.product from late
    ), total as (
      select c.product, (coalesce(b.units, 0) + coalesce(t.units, 0) + coalesce(l.units, 0))::bigint as units,
             coalesce(b.revenue, 0) + coalesce(t.revenue, 0) + coalesce(l.revenue, 0) as revenue
      from candidate c
      left join "shop".product_board b on b.days = whole and b.product = c.product
      left join "shop".product_day t on t.day = present and t.product = c.product
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
  return query select p.product, sum(p.units)::bigint, sum(p.revenue) from "shop".product_daily_live p
    where p.day >= present - whole and p.day <= present group by 1 having sum(p.units) <> 0 or sum(p.revenue) <> 0
    order by 3 desc, 1 limit max_rows;
end $$;
comment on function "shop"."top_products" is 'shop-pg sales ff95a7c98c15 shop';

create trigger shop_sales_items_inserted after insert on "public"."order_items"
  referencing new table as new_items for each statement execute function "shop".sales_items_inserted();
comment on trigger "shop_sales_items_inserted" on "public"."order_items" is 'shop-pg sales 268621c728d5 shop';

create trigger shop_sales_items_changed after update on "public"."order_items"
  referencing new table as new_items old table as old_items for each statement execute function "shop".sales_items_changed();
comment on trigger "shop_sales_items_changed" on "public"."order_items" is 'shop-pg sales ac7f39ee8171 shop';

create trigger shop_sales_items_deleted after delete on "public"."order_items"
  referencing old table as old_items for each statement execute function "shop".sales_items_deleted();
comment on trigger "shop_sales_items_deleted" on "public"."order_items" is 'shop-pg sales 13ca8550bc38 shop';

-- Row by row, and what is no sale is told apart in the function: a condition here is parsed anew by every statement on the table,
-- which costs it more than the call, and a list of columns would not see what another trigger changes.
create trigger shop_sales_order_made after insert on "public"."orders" for each row execute function "shop".sales_order_made();
comment on trigger "shop_sales_order_made" on "public"."orders" is 'shop-pg sales a8f6de350af8 shop';

create trigger shop_sales_order_changed after update on "public"."orders" for each row execute function "shop".sales_order_changed();
comment on trigger "shop_sales_order_changed" on "public"."orders" is 'shop-pg sales 5627e81cc277 shop';

-- behind yours: one that keeps the row, as where orders are only marked as deleted, must have its say before the order is taken out
create trigger zzz_shop_sales_order_deleted before delete on "public"."orders" for each row execute function "shop".sales_order_deleted();
comment on trigger "zzz_shop_sales_order_deleted" on "public"."orders" is 'shop-pg sales 38d34f5466de shop';

create trigger shop_sales_orders_truncated after truncate on "public"."orders" for each statement execute function "shop".sales_truncated();
comment on trigger "shop_sales_orders_truncated" on "public"."orders" is 'shop-pg sales a7e14eac6d0b shop';

create trigger shop_sales_items_truncated after truncate on "public"."order_items" for each statement execute function "shop".sales_truncated();
comment on trigger "shop_sales_items_truncated" on "public"."order_items" is 'shop-pg sales 8d9d965b60f1 shop';

begin isolation level repeatable read;
select "shop".sales_build();
insert into "shop".applied_step (step, hash, finished_at) values ('sales/data shop.sales_built', 'a83fa0c00cbb', now());
commit;
