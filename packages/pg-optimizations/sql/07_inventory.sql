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
  expires_at  timestamptz not null,
  -- of a flash sale: where it came from, and goes back to
  slot        integer
);
comment on table "shop"."reservation" is 'shop-pg inventory a1418791bc07 shop';

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

-- as the products have it now; where one is gone, what was promised of it is too
create function "shop".stock_write(ids bigint[]) returns void language sql volatile security definer set search_path = '' as $$
  with gone as (
    delete from "shop".stock_level s where s.product = any (ids) and not exists (select from "public"."products" p where p."id" = s.product)
    returning s.product, s.reserved
  ), promised as (
    delete from "shop".reservation r using gone where r.product = gone.product and gone.reserved > 0
  ), laid_out as (
    delete from "shop".stock_slot t using gone where t.product = gone.product
  )
  insert into "shop".stock_level (product, on_hand)
  select p."id", coalesce(p."stock", 0) from "public"."products" p where p."id" = any (ids)
  on conflict (product) do update set on_hand = excluded.on_hand
$$;
revoke execute on function "shop".stock_write from public;
comment on function "shop"."stock_write" is 'shop-pg inventory bbf3a8e1d0bd shop';

create function "shop".stock_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'DELETE' then
    perform "shop".stock_write(array[old."id"]);
  elsif tg_op = 'UPDATE' and old."id" is distinct from new."id" then
    -- what is promised goes along, unless another product has taken that id before
    update "shop".stock_level set product = new."id" where product = old."id"
      and not exists (select from "shop".stock_level s where s.product = new."id");
    if found then
      update "shop".reservation set product = new."id" where product = old."id";
      update "shop".stock_slot set product = new."id" where product = old."id";
    end if;
    perform "shop".stock_write(array[old."id", new."id"]);
  elsif tg_op = 'INSERT' or old."stock" is distinct from new."stock" then
    insert into "shop".stock_level (product, on_hand) values (new."id", coalesce(new."stock", 0))
    on conflict (product) do update set on_hand = excluded.on_hand;
  end if;
  return null;
end $$;
revoke execute on function "shop".stock_changed from public;
comment on function "shop"."stock_changed" is 'shop-pg inventory bd8205b1852a shop';

create trigger shop_stock_changed after insert or update or delete on "public"."products" for each row execute function "shop".stock_changed();
comment on trigger "shop_stock_changed" on "public"."products" is 'shop-pg inventory a65dbd47dc18 shop';

create function "shop".stock_truncated() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  truncate "shop".stock_level, "shop".reservation, "shop".stock_slot;
  return null;
end $$;
revoke execute on function "shop".stock_truncated from public;
comment on function "shop"."stock_truncated" is 'shop-pg inventory 53341567baee shop';

create trigger shop_stock_truncated after truncate on "public"."products" for each statement execute function "shop".stock_truncated();
comment on trigger "shop_stock_truncated" on "public"."products" is 'shop-pg inventory 794a4414a91d shop';

do $shop1$ declare
  seen int;
  at text;
  done text;
begin
  loop
    execute $$
with batch as materialized (
  select p."id" as id from "public"."products" p
  where $1::text is null or p."id" > $1::bigint
  order by p."id" limit $2 for no key update
)
select count(*)::int as count, (array_agg(id order by id desc))[1]::text as last, "shop".stock_write(array_agg(id))::text from batch
    $$ into seen, at, done using at, 1000;
    exit when seen = 0;
    commit;
  end loop;
end $shop1$;
insert into "shop".applied_step (step, hash, finished_at) values ('inventory/data public.stock_filled', '3f072401e28d', now());

begin isolation level repeatable read;
-- of products that were deleted while the triggers were not there, or were disabled
select "shop".stock_write(array(select s.product from "shop".stock_level s where not exists (select from "public"."products" p where p."id" = s.product)));
insert into "shop".applied_step (step, hash, finished_at) values ('inventory/data shop.stock_swept', '30ba53cbc439', now());
commit;

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
comment on function "shop"."reserve_stock" is 'shop-pg inventory 0ebc1dab6818 shop';

-- gives a reservation back, to the flash sale it is of as long as that is open; false when it is gone already, so that twice is harmless
create function "shop".release_stock(reservation_id bigint) returns boolean language plpgsql security definer set search_path = '' as $$
declare
  gone "shop".reservation;
begin
  delete from "shop".reservation where id = reservation_id returning * into gone;
  if not found then return false; end if;
  update "shop".stock_slot set free = free + gone.quantity where product = gone.product and slot = gone.slot;
  if not found then update "shop".stock_level set reserved = reserved - gone.quantity where product = gone.product; end if;
  return true;
end $$;
comment on function "shop"."release_stock" is 'shop-pg inventory 2eade98b05b0 shop';

-- a reservation becomes a sale: the product's stock goes down in the same transaction; false, and nothing changed, when it had
-- expired or the stock no longer suffices
create function "shop".commit_stock(reservation_id bigint) returns boolean language plpgsql security definer set search_path = '' as $$
declare
  sold "shop".reservation;
begin
  select * into sold from "shop".reservation where id = reservation_id and expires_at > now() for update;
  if not found then return false; end if;
  -- first the product, then its level, as every change of stock has it
  update "public"."products" set "stock" = "stock" - sold.quantity
  where "id" = sold.product and "stock" >= sold.quantity;
  if not found then return false; end if;
  update "shop".stock_level set reserved = reserved - sold.quantity where product = sold.product;
  delete from "shop".reservation where id = reservation_id;
  return true;
end $$;
comment on function "shop"."commit_stock" is 'shop-pg inventory 57e08cb12768 shop';

create function "shop".release_expired_stock(max_rows int default 1000) returns int language plpgsql security definer set search_path = '' as $$
declare
  expired bigint;
  released int := 0;
begin
  -- by product, so that two at once wait for each other in one order
  for expired in
    select id from (select id, product, slot from "shop".reservation where expires_at <= now() order by expires_at limit max_rows for update skip locked) r
    order by product, slot
  loop
    perform "shop".release_stock(expired);
    released := released + 1;
  end loop;
  return released;
end $$;
comment on function "shop"."release_expired_stock" is 'shop-pg inventory 68e8ca5a2b16 shop';

-- lays `units` of a product out in slots; they are taken from what is available
create function "shop".open_flash_sale(of_product bigint, units int, slots int default 64) returns void
language plpgsql security definer set search_path = '' as $$
begin
  if (units >= 1 and slots >= 1) is not true then raise exception 'open_flash_sale: units and slots must be at least 1' using errcode = '22023'; end if;
  update "shop".stock_level set reserved = reserved + units where product = of_product and on_hand - reserved >= units;
  if not found then raise exception 'open_flash_sale: fewer than % available', units using errcode = '22023'; end if;
  insert into "shop".stock_slot as s
  select of_product, n, units / slots + case when n <= units % slots then 1 else 0 end from generate_series(1, slots) n
  on conflict (product, slot) do update set free = s.free + excluded.free;
end $$;
comment on function "shop"."open_flash_sale" is 'shop-pg inventory b80fec127ee0 shop';

-- a reservation of one unit, from a slot that nobody else is taking from: to be committed or released as any other; null when all are gone
create function "shop".take_flash_sale(of_product bigint, keep interval default '15 minutes') returns bigint
language plpgsql security definer set search_path = '' as $$
declare
  taken integer;
  made bigint;
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
  if taken is null then return null; end if;
  insert into "shop".reservation (product, quantity, expires_at, slot) values (of_product, 1, now() + keep, taken) returning id into made;
  return made;
end $$;
comment on function "shop"."take_flash_sale" is 'shop-pg inventory efffa8295eea shop';

-- what nobody has taken is available again, and how much that was; what is still promised keeps its promise
create function "shop".close_flash_sale(of_product bigint) returns bigint language plpgsql security definer set search_path = '' as $$
declare
  untaken bigint;
begin
  perform from "shop".stock_level where product = of_product for update;
  with closed as (delete from "shop".stock_slot where product = of_product returning free)
  select coalesce(sum(free), 0) into untaken from closed;
  update "shop".stock_level set reserved = reserved - untaken where product = of_product;
  return untaken;
end $$;
comment on function "shop"."close_flash_sale" is 'shop-pg inventory a33e83ef2443 shop';

-- what is there, what is promised, and what was ever sold: of one product or a page of them, from one row each
create view "shop".inventory_live as
select s.product, s.on_hand, s.reserved, s.available, coalesce(b.units, 0) + coalesce(l.units, 0) as sold
from "shop".stock_level s
left join "shop".product_total b on b.product = s.product
left join (select product, sum(units)::bigint as units from (select unnest(product) as product, unnest(units) as units from "shop".sales_ledger) item
           group by 1) l on l.product = s.product;
comment on view "shop"."inventory_live" is 'shop-pg inventory d36841f0a407 shop';
