-- asset: statements
-- about: Slow queries by what they cost, new and regressed ones since the last snapshot. Needs pg_stat_statements.

-- step: ddl table statement_snapshot
create table {{own}}.statement_snapshot (
  taken_at   timestamptz not null,
  queryid    bigint not null,
  calls      bigint not null,
  total_ms   double precision not null,
  reads      bigint not null,
  temp       bigint not null,
  primary key (queryid, taken_at)
);

-- step: ddl function take_statement_snapshot
create function {{own}}.take_statement_snapshot(keep interval default '30 days') returns int language plpgsql set search_path = '' as $$
declare
  taken int;
  source text := {{own}}.statements_source();
begin
  execute format('insert into %s.statement_snapshot
    select now(), queryid, sum(calls), sum(total_exec_time), sum(shared_blks_read), sum(temp_blks_read + temp_blks_written)
    from %s where queryid is not null and dbid = (select oid from pg_catalog.pg_database where datname = current_database()) group by queryid', '{{text own}}', source);
  get diagnostics taken = row_count;
  delete from {{own}}.statement_snapshot where taken_at < now() - keep;
  return taken;
end $$;

-- step: ddl function statements_source
-- wherever the extension was put; says what to do where it is not
create function {{own}}.statements_source() returns text language plpgsql stable set search_path = '' as $$
declare
  place text := (select format('%I.pg_stat_statements', n.nspname) from pg_catalog.pg_extension e
                 join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements');
begin
  if place is null then
    raise exception 'pg_stat_statements is not installed in this database' using errcode = '55000',
      hint = 'add it to shared_preload_libraries, restart, then: create extension pg_stat_statements';
  end if;
  return place;
end $$;

-- step: ddl function analyze_slow_queries
-- by total time, mean time, blocks read from disk ('io') or temporary blocks ('temp'); new: not in any snapshot;
-- regressed: its mean is more than twice that up to the last snapshot
create function {{own}}.analyze_slow_queries(order_by text default 'total', max_rows int default 20, min_calls bigint default 1)
returns table (queryid bigint, query text, calls bigint, total_ms double precision, mean_ms double precision, share double precision,
               rows_per_call double precision, disk_blocks bigint, temp_blocks bigint, cache_hit double precision, is_new boolean, regressed boolean)
language plpgsql stable set search_path = '' as $$
declare
  source text := {{own}}.statements_source();
begin
  if order_by not in ('total', 'mean', 'io', 'temp') then
    raise exception 'analyze_slow_queries: order_by must be total, mean, io or temp, is %', order_by using errcode = '22023';
  end if;
  return query execute format($q$
    with now_ as (
      select s.queryid, min(s.query) as query, sum(s.calls)::bigint as calls, sum(s.total_exec_time) as total_ms, sum(s.rows) as rows,
             sum(s.shared_blks_read)::bigint as disk, sum(s.temp_blks_read + s.temp_blks_written)::bigint as temp, sum(s.shared_blks_hit) as hit
      from %s s where s.dbid = (select oid from pg_catalog.pg_database where datname = current_database()) and s.queryid is not null
      group by s.queryid
    ), before as (
      select distinct on (b.queryid) b.queryid, b.calls, b.total_ms from %s.statement_snapshot b order by b.queryid, b.taken_at desc
    )
    select n.queryid, n.query, n.calls, n.total_ms, n.total_ms / n.calls, n.total_ms / nullif(sum(n.total_ms) over (), 0),
           n.rows::double precision / n.calls, n.disk, n.temp, n.hit::double precision / nullif(n.hit + n.disk, 0),
           b.queryid is null and exists (select from %s.statement_snapshot),
           coalesce(n.calls > b.calls and b.calls > 0 and (n.total_ms - b.total_ms) / (n.calls - b.calls) > 2 * b.total_ms / b.calls, false)
    from now_ n left join before b using (queryid) where n.calls >= $1
    order by %s desc nulls last limit $2$q$, source, '{{text own}}', '{{text own}}',
    case order_by when 'total' then 'n.total_ms' when 'mean' then 'n.total_ms / n.calls' when 'io' then 'n.disk' else 'n.temp' end)
  using min_calls, max_rows;
end $$;
