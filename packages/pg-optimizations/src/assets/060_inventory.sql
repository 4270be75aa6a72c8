-- asset: inventory
-- about: How many of each product are there and how many are promised, in one row a product, kept in the transaction that changes it; reservations that cannot oversell.
-- needs: products.stock
-- rests on: sales
-- for all: reserve_stock release_stock commit_stock release_expired_stock open_flash_sale take_flash_sale close_flash_sale

-- step: ddl table stock_level
create table {{own}}.stock_level (
  product   {{type products.id}} primary key,
  on_hand   bigint not null,
  reserved  bigint not null default 0 check (reserved >= 0),
  available bigint generated always as (on_hand - reserved) stored
) with (fillfactor = 70);

-- step: ddl table reservation
create table {{own}}.reservation (
  id          bigint generated always as identity primary key,
  product     {{type products.id}} not null,
  quantity    integer not null check (quantity > 0),
  expires_at  timestamptz not null,
  -- of a flash sale: where it came from, and goes back to
  slot        integer
);

-- step: ddl index reservation_expiry
create index reservation_expiry on {{own}}.reservation (expires_at);

-- step: ddl table stock_slot
-- a flash sale's stock, a row a unit (or a handful): buyers take rows nobody else holds, instead of queueing for one
create table {{own}}.stock_slot (
  product   {{type products.id}} not null,
  slot      integer not null,
  free      integer not null check (free >= 0),
  primary key (product, slot)
) with (fillfactor = 50);

-- step: ddl function stock_write
-- as the products have it now; where one is gone, what was promised of it is too
create function {{own}}.stock_write(ids {{type products.id}}[]) returns void language sql volatile security definer set search_path = '' as $$
  with gone as (
    delete from {{own}}.stock_level s where s.product = any (ids) and not exists (select from {{products}} p where p.{{products.id}} = s.product)
    returning s.product, s.reserved
  ), promised as (
    delete from {{own}}.reservation r using gone where r.product = gone.product and gone.reserved > 0
  ), laid_out as (
    delete from {{own}}.stock_slot t using gone where t.product = gone.product
  )
  insert into {{own}}.stock_level (product, on_hand)
  select p.{{products.id}}, coalesce(p.{{products.stock}}, 0) from {{products}} p where p.{{products.id}} = any (ids)
  on conflict (product) do update set on_hand = excluded.on_hand
$$;

-- step: ddl function stock_changed
create function {{own}}.stock_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'DELETE' then
    perform {{own}}.stock_write(array[old.{{products.id}}]);
  elsif tg_op = 'UPDATE' and old.{{products.id}} is distinct from new.{{products.id}} then
    -- what is promised goes along, unless another product has taken that id before
    update {{own}}.stock_level set product = new.{{products.id}} where product = old.{{products.id}}
      and not exists (select from {{own}}.stock_level s where s.product = new.{{products.id}});
    if found then
      update {{own}}.reservation set product = new.{{products.id}} where product = old.{{products.id}};
      update {{own}}.stock_slot set product = new.{{products.id}} where product = old.{{products.id}};
    end if;
    perform {{own}}.stock_write(array[old.{{products.id}}, new.{{products.id}}]);
  elsif tg_op = 'INSERT' or old.{{products.stock}} is distinct from new.{{products.stock}} then
    insert into {{own}}.stock_level (product, on_hand) values (new.{{products.id}}, coalesce(new.{{products.stock}}, 0))
    on conflict (product) do update set on_hand = excluded.on_hand;
  end if;
  return null;
end $$;

-- step: ddl trigger shop_stock_changed on products
create trigger shop_stock_changed after insert or update or delete on {{products}} for each row execute function {{own}}.stock_changed();

-- step: ddl function stock_truncated
create function {{own}}.stock_truncated() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  truncate {{own}}.stock_level, {{own}}.reservation, {{own}}.stock_slot;
  return null;
end $$;

-- step: ddl trigger shop_stock_truncated on products
create trigger shop_stock_truncated after truncate on {{products}} for each statement execute function {{own}}.stock_truncated();

-- step: backfill data stock_filled on products
with batch as materialized (
  select p.{{products.id}} as id from {{products}} p
  where $1::text is null or p.{{products.id}} > $1::{{type products.id}}
  order by p.{{products.id}} limit $2 for no key update
)
select count(*)::int as count, (array_agg(id order by id desc))[1]::text as last, {{own}}.stock_write(array_agg(id))::text from batch;

-- step: build data stock_swept
-- of products that were deleted while the triggers were not there, or were disabled
select {{own}}.stock_write(array(select s.product from {{own}}.stock_level s where not exists (select from {{products}} p where p.{{products.id}} = s.product)));

-- step: ddl function reserve_stock
-- promises `wanted` of a product for a while; null when there are not so many
create function {{own}}.reserve_stock(of_product {{type products.id}}, wanted int, keep interval default '15 minutes') returns bigint
language plpgsql security definer set search_path = '' as $$
declare
  made bigint;
begin
  if wanted is null or wanted < 1 then raise exception 'reserve_stock: wanted must be at least 1, is %', wanted using errcode = '22023'; end if;
  update {{own}}.stock_level set reserved = reserved + wanted where product = of_product and on_hand - reserved >= wanted;
  if not found then return null; end if;
  insert into {{own}}.reservation (product, quantity, expires_at) values (of_product, wanted, now() + keep) returning id into made;
  return made;
end $$;

-- step: ddl function release_stock
-- gives a reservation back, to the flash sale it is of as long as that is open; false when it is gone already, so that twice is harmless
create function {{own}}.release_stock(reservation_id bigint) returns boolean language plpgsql security definer set search_path = '' as $$
declare
  gone {{own}}.reservation;
begin
  delete from {{own}}.reservation where id = reservation_id returning * into gone;
  if not found then return false; end if;
  update {{own}}.stock_slot set free = free + gone.quantity where product = gone.product and slot = gone.slot;
  if not found then update {{own}}.stock_level set reserved = reserved - gone.quantity where product = gone.product; end if;
  return true;
end $$;

-- step: ddl function commit_stock
-- a reservation becomes a sale: the product's stock goes down in the same transaction; false, and nothing changed, when it had
-- expired or the stock no longer suffices
create function {{own}}.commit_stock(reservation_id bigint) returns boolean language plpgsql security definer set search_path = '' as $$
declare
  sold {{own}}.reservation;
begin
  select * into sold from {{own}}.reservation where id = reservation_id and expires_at > now() for update;
  if not found then return false; end if;
  -- first the product, then its level, as every change of stock has it
  update {{products}} set {{products.stock}} = {{products.stock}} - sold.quantity
  where {{products.id}} = sold.product and {{products.stock}} >= sold.quantity;
  if not found then return false; end if;
  update {{own}}.stock_level set reserved = reserved - sold.quantity where product = sold.product;
  delete from {{own}}.reservation where id = reservation_id;
  return true;
end $$;

-- step: ddl function release_expired_stock
create function {{own}}.release_expired_stock(max_rows int default 1000) returns int language plpgsql security definer set search_path = '' as $$
declare
  expired bigint;
  released int := 0;
begin
  -- by product, so that two at once wait for each other in one order
  for expired in
    select id from (select id, product, slot from {{own}}.reservation where expires_at <= now() order by expires_at limit max_rows for update skip locked) r
    order by product, slot
  loop
    perform {{own}}.release_stock(expired);
    released := released + 1;
  end loop;
  return released;
end $$;

-- step: ddl function open_flash_sale
-- lays `units` of a product out in slots; they are taken from what is available
create function {{own}}.open_flash_sale(of_product {{type products.id}}, units int, slots int default 64) returns void
language plpgsql security definer set search_path = '' as $$
begin
  if (units >= 1 and slots >= 1) is not true then raise exception 'open_flash_sale: units and slots must be at least 1' using errcode = '22023'; end if;
  update {{own}}.stock_level set reserved = reserved + units where product = of_product and on_hand - reserved >= units;
  if not found then raise exception 'open_flash_sale: fewer than % available', units using errcode = '22023'; end if;
  insert into {{own}}.stock_slot as s
  select of_product, n, units / slots + case when n <= units % slots then 1 else 0 end from generate_series(1, slots) n
  on conflict (product, slot) do update set free = s.free + excluded.free;
end $$;

-- step: ddl function take_flash_sale
-- a reservation of one unit, from a slot that nobody else is taking from: to be committed or released as any other; null when all are gone
create function {{own}}.take_flash_sale(of_product {{type products.id}}, keep interval default '15 minutes') returns bigint
language plpgsql security definer set search_path = '' as $$
declare
  taken integer;
  made bigint;
begin
  update {{own}}.stock_slot set free = free - 1 where product = of_product and slot = (
    select slot from {{own}}.stock_slot where product = of_product and free > 0 order by slot limit 1 for update skip locked)
  returning slot into taken;
  if taken is null then
    -- every slot with stock may be held by somebody who could still roll back: wait for one of them
    update {{own}}.stock_slot set free = free - 1 where product = of_product and slot = (
      select slot from {{own}}.stock_slot where product = of_product and free > 0 order by slot limit 1 for update)
    and free > 0 returning slot into taken;
  end if;
  if taken is null then return null; end if;
  insert into {{own}}.reservation (product, quantity, expires_at, slot) values (of_product, 1, now() + keep, taken) returning id into made;
  return made;
end $$;

-- step: ddl function close_flash_sale
-- what nobody has taken is available again, and how much that was; what is still promised keeps its promise
create function {{own}}.close_flash_sale(of_product {{type products.id}}) returns bigint language plpgsql security definer set search_path = '' as $$
declare
  untaken bigint;
begin
  perform from {{own}}.stock_level where product = of_product for update;
  with closed as (delete from {{own}}.stock_slot where product = of_product returning free)
  select coalesce(sum(free), 0) into untaken from closed;
  update {{own}}.stock_level set reserved = reserved - untaken where product = of_product;
  return untaken;
end $$;

-- step: ddl view inventory_live
-- what is there, what is promised, and what was ever sold: of one product or a page of them, from one row each
create view {{own}}.inventory_live as
select s.product, s.on_hand, s.reserved, s.available, coalesce(b.units, 0) + coalesce(l.units, 0) as sold
from {{own}}.stock_level s
left join {{own}}.product_total b on b.product = s.product
left join (select product, sum(units)::bigint as units from (select unnest(product) as product, unnest(units) as units from {{own}}.sales_ledger) item
           group by 1) l on l.product = s.product;
