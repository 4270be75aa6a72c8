-- How many of each product are there and how many are promised, in one row a product, kept in the transaction that changes it; reservations that cannot oversell.

create table "shop".stock_level (
  product   bigint primary key,
  on_hand   bigint not null,
  reserved  bigint not null default 0 check (reserved >= 0),
  available bigint generated always as (on_hand - reserved) stored
) with (fillfactor = 70);
comment on table "shop"."stock_level" is 'shop-pg inventory c0028c07882d shop';

create table "shop".reservation (
  id          bigint generated always as identity primary key,
  product     bigint not null,
  quantity    integer not null check (quantity > 0),
  expires_at  timestamptz not null
);
comment on table "shop"."reservation" is 'shop-pg inventory 25dc33f39286 shop';

create index reservation_expiry on "shop".reservation (expires_at);
comment on index "shop"."reservation_expiry" is 'shop-pg inventory 097def437b2d shop';

-- a flash sale's stock, a row a unit (or a handful): buyers take rows nobody else holds, instead of queueing for one
create table "shop".stock_slot (
  product   bigint not null,
  slot      integer not null,
  free      integer not null check (free >= 0),
  primary key (product, slot)
) with (fillfactor = 50);
comment on table "shop"."stock_slot" is 'shop-pg inventory 2dd6ef951335 shop';

create function "shop".stock_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' and old."stock" is not distinct from new."stock" and old."id" = new."id" then
    return null;
  end if;
  if tg_op = 'DELETE' or (tg_op = 'UPDATE' and old."id" is distinct from new."id") then
    delete from "shop".stock_level where product = old."id";
  end if;
  if tg_op <> 'DELETE' then
    insert into "shop".stock_level (product, on_hand) values (new."id", coalesce(new."stock", 0))
    on conflict (product) do update set on_hand = excluded.on_hand;
  end if;
  return null;
end $$;

create trigger shop_stock_changed after insert or update or delete on "public"."products" for each row execute function "shop".stock_changed();

create function "shop".stock_write(ids bigint[]) returns void language sql volatile security definer set search_path = '' as $$
  insert into "shop".stock_level (product, on_hand)
  select p."id", coalesce(p."stock", 0) from "public"."products" p where p."id" = any (ids)
  on conflict (product) do update set on_hand = excluded.on_hand
$$;

-- in batches: give the last value it returned as $1 until count is 0
/*
with batch as materialized (
  select p."id" as id from "public"."products" p
  where $1::text is null or p."id" > $1::bigint
  order by p."id" limit $2 for no key update
)
select count(*)::int as count, (array_agg(id order by id desc))[1]::text as last, "shop".stock_write(array_agg(id))::text from batch;
*/

-- promises `wanted` of a product for a while; null when there are not so many
create function "shop".reserve_stock(of_product bigint, wanted int, keep interval default '15 minutes') returns bigint
language plpgsql security definer set search_path = '' as $$
declare
  made bigint;
begin
  if wanted is null or wanted < 1 then raise exception 'reserve_stock: wanted must be at least 1, is %', wanted using errcode = '22023'; end if;
  update "shop".stock_level set reserved = reserved + wanted where product = of_product and on_hand - reserved >= wanted;
  if not found then return null; end if;
  insert into "shop".reservation (product, quantity, expires_at) values (of_product, wanted, now() + keep) returning id into made;
  return made;
end $$;

-- gives a reservation back; false when it is gone already, so that twice is harmless
create function "shop".release_stock(reservation_id bigint) returns boolean language plpgsql security definer set search_path = '' as $$
declare
  gone "shop".reservation;
begin
  delete from "shop".reservation where id = reservation_id returning * into gone;
  if not found then return false; end if;
  update "shop".stock_level set reserved = reserved - gone.quantity where product = gone.product;
  return true;
end $$;

-- a reservation becomes a sale: the product's stock goes down in the same transaction; false when it had expired
create function "shop".commit_stock(reservation_id bigint) returns boolean language plpgsql security definer set search_path = '' as $$
declare
  sold "shop".reservation;
begin
  delete from "shop".reservation where id = reservation_id returning * into sold;
  if not found then return false; end if;
  update "shop".stock_level set reserved = reserved - sold.quantity where product = sold.product;
  update "public"."products" set "stock" = "stock" - sold.quantity where "id" = sold.product;
  return true;
end $$;

create function "shop".release_expired_stock(max_rows int default 1000) returns int language plpgsql security definer set search_path = '' as $$
declare
  released int;
begin
  with gone as (
    delete from "shop".reservation where id in (
      select id from "shop".reservation where expires_at < now() order by expires_at limit max_rows for update skip locked)
    returning product, quantity
  ), given as (
    update "shop".stock_level s set reserved = s.reserved - g.quantity
    from (select product, sum(quantity) as quantity from gone group by product) g where s.product = g.product
  )
  select count(*) into released from gone;
  return released;
end $$;

-- lays `units` of a product out in slots; they are taken from what is available
create function "shop".open_flash_sale(of_product bigint, units int, slots int default 64) returns void
language plpgsql security definer set search_path = '' as $$
begin
  if units < 1 or slots < 1 then raise exception 'open_flash_sale: units and slots must be at least 1' using errcode = '22023'; end if;
  update "shop".stock_level set reserved = reserved + units where product = of_product and on_hand - reserved >= units;
  if not found then raise exception 'open_flash_sale: fewer than % available', units using errcode = '22023'; end if;
  insert into "shop".stock_slot as s
  select of_product, n, units / slots + case when n <= units % slots then 1 else 0 end from generate_series(1, slots) n
  on conflict (product, slot) do update set free = s.free + excluded.free;
end $$;

-- one unit from a slot that nobody else is taking from; false when all are gone
create function "shop".take_flash_sale(of_product bigint) returns boolean language plpgsql security definer set search_path = '' as $$
declare
  taken integer;
begin
  update "shop".stock_slot set free = free - 1 where product = of_product and slot = (
    select slot from "shop".stock_slot where product = of_product and free > 0 order by slot limit 1 for update skip locked)
  returning slot into taken;
  if taken is null then
    -- every slot with stock may be held by somebody who could still roll back: wait for one of them
    update "shop".stock_slot set free = free - 1 where product = of_product and slot = (
      select slot from "shop".stock_slot where product = of_product and free > 0 order by slot limit 1 for update)
    and free > 0 returning slot into taken;
  end if;
  return taken is not null;
end $$;

-- what is there, what is promised, and what was ever sold: of one product or a page of them, from one row each
create view "shop".inventory_live as
select s.product, s.on_hand, s.reserved, s.available, coalesce(b.units, 0) + coalesce(l.units, 0) as sold
from "shop".stock_level s
left join "shop".product_total b on b.product = s.product
left join (select product, sum(units)::bigint as units from (select unnest(product) as product, unnest(units) as units from "shop".sales_ledger) item
           group by 1) l on l.product = s.product;
comment on view "shop"."inventory_live" is 'shop-pg inventory d36841f0a407 shop';
