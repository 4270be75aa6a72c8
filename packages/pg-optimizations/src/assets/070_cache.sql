-- asset: cache
-- about: An unlogged cache: reads never write, expiry and size are cleaned up in batches, a crash empties it and nothing else.
-- for all: cache_get cache_get_many cache_set cache_set_many cache_claim cache_fill cache_release cache_delete cache_delete_tag cache_touch cache_cleanup_expired cache_cleanup_lru cache_stats

-- step: ddl table cache_entry
-- no index on when it expires: with one, writing a value again would change every index
create unlogged table {{own}}.cache_entry (
  hash        bigint primary key,
  key         text not null,
  value       jsonb,
  tags        text[],
  expires_at  timestamptz not null,
  -- while a loader is at work elsewhere, until when others wait for it
  loading_until timestamptz,
  written     bigint not null
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- step: ddl table cache_use
-- only with cache_touch: when an entry was last read
create unlogged table {{own}}.cache_use (hash bigint primary key, used_at timestamptz not null);

-- step: ddl sequence cache_order
-- unlogged as the table, or every other write would wait for the log to reach the disk
create unlogged sequence {{own}}.cache_order cache 100;

-- step: ddl index cache_entry_tags
create index cache_entry_tags on {{own}}.cache_entry using gin (tags) with (fastupdate = on) where tags is not null;

-- step: ddl function cache_get
create function {{own}}.cache_get(of_key text) returns jsonb language sql stable strict parallel safe security definer set search_path = '' as $$
  select e.value from {{own}}.cache_entry e where e.hash = hashtextextended(of_key, 0) and e.key = of_key and e.expires_at > now() and e.loading_until is null
$$;

-- step: ddl function cache_get_many
create function {{own}}.cache_get_many(keys text[]) returns table (key text, value jsonb, expires_at timestamptz)
language sql stable strict parallel safe security definer set search_path = '' as $$
  -- offset 0: one look-up a key, whatever the planner thinks of the table's size
  select e.key, e.value, e.expires_at from unnest(keys) k, lateral (
    select c.key, c.value, c.expires_at from {{own}}.cache_entry c
    where c.hash = hashtextextended(k, 0) and c.key = k and c.expires_at > now() and c.loading_until is null offset 0) e
$$;

-- step: ddl function cache_set
create function {{own}}.cache_set(of_key text, new_value jsonb, ttl interval default '5 minutes', new_tags text[] default null) returns void
language plpgsql security definer set search_path = '' as $$
begin
  if of_key is null or length(of_key) > 1024 then raise exception 'cache_set: the key must have 1 to 1024 characters' using errcode = '22023'; end if;
  if ttl <= interval '0' then raise exception 'cache_set: ttl must be positive' using errcode = '22023'; end if;
  insert into {{own}}.cache_entry (hash, key, value, tags, expires_at, written)
  values (hashtextextended(of_key, 0), of_key, new_value, new_tags, now() + ttl, nextval('{{text own}}.cache_order'))
  on conflict (hash) do update set key = excluded.key, value = excluded.value, tags = excluded.tags,
    expires_at = excluded.expires_at, loading_until = null, written = excluded.written;
end $$;

-- step: ddl function cache_set_many
create function {{own}}.cache_set_many(keys text[], new_values jsonb[], ttls double precision[], new_tags text[]) returns void
language sql security definer set search_path = '' as $$
  insert into {{own}}.cache_entry (hash, key, value, tags, expires_at, written)
  select hashtextextended(k, 0), k, v, case when t = '' then null else string_to_array(t, e'\x1f') end, now() + s * interval '1 second', nextval('{{text own}}.cache_order')
  from (select distinct on (hashtextextended(k, 0)) k, v, s, t from unnest(keys, new_values, ttls, new_tags) with ordinality u (k, v, s, t, n)
        order by hashtextextended(k, 0), n desc) latest
  on conflict (hash) do update set key = excluded.key, value = excluded.value, tags = excluded.tags,
    expires_at = excluded.expires_at, loading_until = null, written = excluded.written
$$;

-- step: ddl function cache_claim
-- who may load a value that is not there: a token for one caller, null for the others until it is filled in or `keep` is over
create function {{own}}.cache_claim(of_key text, keep interval default '10 seconds', new_tags text[] default null) returns bigint
language sql security definer set search_path = '' as $$
  insert into {{own}}.cache_entry as e (hash, key, tags, expires_at, loading_until, written)
  values (hashtextextended(of_key, 0), of_key, new_tags, now() + keep, now() + keep, nextval('{{text own}}.cache_order'))
  on conflict (hash) do update set key = excluded.key, value = null, tags = excluded.tags, expires_at = excluded.expires_at,
    loading_until = excluded.loading_until, written = excluded.written
  where e.expires_at <= now() or e.key <> excluded.key
  returning written
$$;

-- step: ddl function cache_fill
-- what was loaded under a claim; false where the key was deleted, written or claimed anew since: the value may be an old one then
create function {{own}}.cache_fill(of_key text, token bigint, new_value jsonb, ttl interval default '5 minutes') returns boolean
language plpgsql security definer set search_path = '' as $$
begin
  update {{own}}.cache_entry set value = new_value, expires_at = now() + ttl, loading_until = null
  where hash = hashtextextended(of_key, 0) and key = of_key and written = token and loading_until is not null;
  return found;
end $$;

-- step: ddl function cache_release
-- a loader that failed lets the next one try
create function {{own}}.cache_release(of_key text, token bigint) returns void language sql security definer set search_path = '' as $$
  delete from {{own}}.cache_entry where hash = hashtextextended(of_key, 0) and key = of_key and written = token and loading_until is not null
$$;

-- step: ddl function cache_delete
create function {{own}}.cache_delete(of_key text) returns boolean language plpgsql security definer set search_path = '' as $$
begin
  delete from {{own}}.cache_entry where hash = hashtextextended(of_key, 0) and key = of_key;
  return found;
end $$;

-- step: ddl function cache_delete_tag
create function {{own}}.cache_delete_tag(tag text) returns text[] language sql security definer set search_path = '' as $$
  with gone as (delete from {{own}}.cache_entry where tags @> array[tag] and tags is not null returning key)
  select coalesce(array_agg(key), '{}') from gone
$$;

-- step: ddl function cache_touch
-- for those who want least recently used rather than first in, first out: a write for every read
create function {{own}}.cache_touch(of_key text) returns void language sql security definer set search_path = '' as $$
  insert into {{own}}.cache_use values (hashtextextended(of_key, 0), now()) on conflict (hash) do update set used_at = excluded.used_at
$$;

-- step: ddl function cache_cleanup_expired
create function {{own}}.cache_cleanup_expired(max_rows int default 5000) returns int language plpgsql security definer set search_path = '' as $$
declare
  removed int;
begin
  delete from {{own}}.cache_entry where hash in (
    select hash from {{own}}.cache_entry where expires_at <= now() limit max_rows for update skip locked);
  get diagnostics removed = row_count;
  delete from {{own}}.cache_use where hash in (
    select u.hash from {{own}}.cache_use u where not exists (select from {{own}}.cache_entry e where e.hash = u.hash) limit max_rows);
  return removed;
end $$;

-- step: ddl function cache_cleanup_lru
-- down to max_entries: those written (or, with cache_touch, used) longest ago go first
create function {{own}}.cache_cleanup_lru(max_entries bigint default 100000, max_rows int default 5000) returns int
language plpgsql security definer set search_path = '' as $$
declare
  surplus bigint := (select count(*) from {{own}}.cache_entry) - max_entries;
  removed int;
begin
  if surplus <= 0 then return 0; end if;
  delete from {{own}}.cache_entry where hash in (
    select e.hash from {{own}}.cache_entry e left join {{own}}.cache_use u using (hash)
    order by u.used_at nulls first, e.written limit least(surplus, max_rows));
  get diagnostics removed = row_count;
  return removed;
end $$;

-- step: ddl function cache_stats
create function {{own}}.cache_stats() returns table (entries bigint, expired bigint, loading bigint, bytes bigint, value_bytes bigint, oldest_expiry timestamptz)
language sql stable security definer set search_path = '' as $$
  select count(*), count(*) filter (where expires_at <= now()), count(*) filter (where loading_until is not null),
         pg_total_relation_size('{{text own}}.cache_entry'), coalesce(sum(pg_column_size(value)), 0), min(expires_at)
  from {{own}}.cache_entry
$$;
