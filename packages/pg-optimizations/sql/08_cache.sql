-- An unlogged cache: reads never write, expiry and size are cleaned up in batches, a crash empties it and nothing else.

-- no index on when it expires: with one, writing a value again would change every index
create unlogged table "shop".cache_entry (
  hash        bigint primary key,
  key         text not null,
  value       jsonb,
  tags        text[],
  expires_at  timestamptz not null,
  -- while a loader is at work elsewhere, until when others wait for it
  loading_until timestamptz,
  written     bigint not null
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
comment on table "shop"."cache_entry" is 'shop-pg cache 7ae834bd3776 shop';

-- only with cache_touch: when an entry was last read
create unlogged table "shop".cache_use (hash bigint primary key, used_at timestamptz not null);
comment on table "shop"."cache_use" is 'shop-pg cache 0269b5e1b911 shop';

-- unlogged as the table, or every other write would wait for the log to reach the disk
create unlogged sequence "shop".cache_order cache 100;
comment on sequence "shop"."cache_order" is 'shop-pg cache 5bd9fbb18f88 shop';

create index cache_entry_tags on "shop".cache_entry using gin (tags) with (fastupdate = on) where tags is not null;
comment on index "shop"."cache_entry_tags" is 'shop-pg cache 35bb0ef9d6d1 shop';

create function "shop".cache_get(of_key text) returns jsonb language sql stable strict parallel safe security definer set search_path = '' as $$
  select e.value from "shop".cache_entry e where e.hash = hashtextextended(of_key, 0) and e.key = of_key and e.expires_at > now() and e.loading_until is null
$$;
comment on function "shop"."cache_get" is 'shop-pg cache 53be0fe2c081 shop';

create function "shop".cache_get_many(keys text[]) returns table (key text, value jsonb, expires_at timestamptz)
language sql stable strict parallel safe security definer set search_path = '' as $$
  -- offset 0: one look-up a key, whatever the planner thinks of the table's size
  select e.key, e.value, e.expires_at from unnest(keys) k, lateral (
    select c.key, c.value, c.expires_at from "shop".cache_entry c
    where c.hash = hashtextextended(k, 0) and c.key = k and c.expires_at > now() and c.loading_until is null offset 0) e
$$;
comment on function "shop"."cache_get_many" is 'shop-pg cache 17cafbf4ec70 shop';

create function "shop".cache_set(of_key text, new_value jsonb, ttl interval default '5 minutes', new_tags text[] default null) returns void
language plpgsql security definer set search_path = '' as $$
begin
  if of_key is null or length(of_key) > 1024 then raise exception 'cache_set: the key must have 1 to 1024 characters' using errcode = '22023'; end if;
  if ttl <= interval '0' then raise exception 'cache_set: ttl must be positive' using errcode = '22023'; end if;
  insert into "shop".cache_entry (hash, key, value, tags, expires_at, written)
  values (hashtextextended(of_key, 0), of_key, new_value, new_tags, now() + ttl, nextval('"shop".cache_order'))
  on conflict (hash) do update set key = excluded.key, value = excluded.value, tags = excluded.tags,
    expires_at = excluded.expires_at, loading_until = null, written = excluded.written;
end $$;
comment on function "shop"."cache_set" is 'shop-pg cache 439edb5cd482 shop';

create function "shop".cache_set_many(keys text[], new_values jsonb[], ttls double precision[], new_tags text[]) returns void
language sql security definer set search_path = '' as $$
  insert into "shop".cache_entry (hash, key, value, tags, expires_at, written)
  select hashtextextended(k, 0), k, v, case when t = '' then null else string_to_array(t, e'\x1f') end, now() + s * interval '1 second', nextval('"shop".cache_order')
  from (select distinct on (hashtextextended(k, 0)) k, v, s, t from unnest(keys, new_values, ttls, new_tags) with ordinality u (k, v, s, t, n)
        order by hashtextextended(k, 0), n desc) latest
  on conflict (hash) do update set key = excluded.key, value = excluded.value, tags = excluded.tags,
    expires_at = excluded.expires_at, loading_until = null, written = excluded.written
$$;
comment on function "shop"."cache_set_many" is 'shop-pg cache 8ce3028699e0 shop';

-- who may load a value that is not there: a token for one caller, null for the others until it is filled in or `keep` is over
create function "shop".cache_claim(of_key text, keep interval default '10 seconds', new_tags text[] default null) returns bigint
language sql security definer set search_path = '' as $$
  insert into "shop".cache_entry as e (hash, key, tags, expires_at, loading_until, written)
  values (hashtextextended(of_key, 0), of_key, new_tags, now() + keep, now() + keep, nextval('"shop".cache_order'))
  on conflict (hash) do update set key = excluded.key, value = null, tags = excluded.tags, expires_at = excluded.expires_at,
    loading_until = excluded.loading_until, written = excluded.written
  where e.expires_at <= now() or e.key <> excluded.key
  returning written
$$;
comment on function "shop"."cache_claim" is 'shop-pg cache 384b9e9fff4e shop';

-- what was loaded under a claim; false where the key was deleted, written or claimed anew since: the value may be an old one then
create function "shop".cache_fill(of_key text, token bigint, new_value jsonb, ttl interval default '5 minutes') returns boolean
language plpgsql security definer set search_path = '' as $$
begin
  update "shop".cache_entry set value = new_value, expires_at = now() + ttl, loading_until = null
  where hash = hashtextextended(of_key, 0) and key = of_key and written = token and loading_until is not null;
  return found;
end $$;
comment on function "shop"."cache_fill" is 'shop-pg cache a68e43b4ca7e shop';

-- a loader that failed lets the next one try
create function "shop".cache_release(of_key text, token bigint) returns void language sql security definer set search_path = '' as $$
  delete from "shop".cache_entry where hash = hashtextextended(of_key, 0) and key = of_key and written = token and loading_until is not null
$$;
comment on function "shop"."cache_release" is 'shop-pg cache a223d360ac4b shop';

create function "shop".cache_delete(of_key text) returns boolean language plpgsql security definer set search_path = '' as $$
begin
  delete from "shop".cache_entry where hash = hashtextextended(of_key, 0) and key = of_key;
  return found;
end $$;
comment on function "shop"."cache_delete" is 'shop-pg cache dd57e56b7c1f shop';

create function "shop".cache_delete_tag(tag text) returns text[] language sql security definer set search_path = '' as $$
  with gone as (delete from "shop".cache_entry where tags @> array[tag] and tags is not null returning key)
  select coalesce(array_agg(key), '{}') from gone
$$;
comment on function "shop"."cache_delete_tag" is 'shop-pg cache 403ad1ddec69 shop';

-- for those who want least recently used rather than first in, first out: a write for every read
create function "shop".cache_touch(of_key text) returns void language sql security definer set search_path = '' as $$
  insert into "shop".cache_use values (hashtextextended(of_key, 0), now()) on conflict (hash) do update set used_at = excluded.used_at
$$;
comment on function "shop"."cache_touch" is 'shop-pg cache 1729157b777f shop';

create function "shop".cache_cleanup_expired(max_rows int default 5000) returns int language plpgsql security definer set search_path = '' as $$
declare
  removed int;
begin
  delete from "shop".cache_entry where hash in (
    select hash from "shop".cache_entry where expires_at <= now() limit max_rows for update skip locked);
  get diagnostics removed = row_count;
  delete from "shop".cache_use where hash in (
    select u.hash from "shop".cache_use u where not exists (select from "shop".cache_entry e where e.hash = u.hash) limit max_rows);
  return removed;
end $$;
comment on function "shop"."cache_cleanup_expired" is 'shop-pg cache 49159a73d4cd shop';

-- down to max_entries: those written (or, with cache_touch, used) longest ago go first
create function "shop".cache_cleanup_lru(max_entries bigint default 100000, max_rows int default 5000) returns int
language plpgsql security definer set search_path = '' as $$
declare
  surplus bigint := (select count(*) from "shop".cache_entry) - max_entries;
  removed int;
begin
  if surplus <= 0 then return 0; end if;
  delete from "shop".cache_entry where hash in (
    select e.hash from "shop".cache_entry e left join "shop".cache_use u using (hash)
    order by u.used_at nulls first, e.written limit least(surplus, max_rows));
  get diagnostics removed = row_count;
  return removed;
end $$;
comment on function "shop"."cache_cleanup_lru" is 'shop-pg cache d513ea9eca22 shop';

create function "shop".cache_stats() returns table (entries bigint, expired bigint, loading bigint, bytes bigint, value_bytes bigint, oldest_expiry timestamptz)
language sql stable security definer set search_path = '' as $$
  select count(*), count(*) filter (where expires_at <= now()), count(*) filter (where loading_until is not null),
         pg_total_relation_size('"shop".cache_entry'), coalesce(sum(pg_column_size(value)), 0), min(expires_at)
  from "shop".cache_entry
$$;
comment on function "shop"."cache_stats" is 'shop-pg cache 20902a10c8e2 shop';
