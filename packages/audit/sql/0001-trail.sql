-- The trail itself. :schema is replaced by the schema's name.
-- Transaction ids order the trail, and a dump restored into another cluster starts them anew: `base` lifts them above
-- all that is already there, and `cluster` tells that the cluster changed.
create table :schema.lineage (
  single boolean primary key default true check (single),
  base bigint not null default 0,
  cluster bigint not null default 0
);
insert into :schema.lineage default values;

create function :schema.position() returns bigint
language sql stable
as $$ select base + pg_current_xact_id()::text::bigint from :schema.lineage $$;

create table :schema.events (
  time timestamptz not null,
  id uuid not null,
  seq bigint not null,          -- the writer's count; 0 when recorded in a caller's transaction
  action text not null,
  actor text,                   -- type:id
  target text,                  -- type:id of the first target; the others are in body
  outcome text not null,
  severity text not null,
  subject text,                 -- the person whose key seals `sealed`
  body text not null,           -- canonical JSON (RFC 8785): what is hashed
  mac bytea,                    -- the application's own seal over the hash of body
  sealed bytea,                 -- personal values under the subject's key; the one column an erasure empties
  xid bigint not null default :schema.position(),
  primary key (time, id)
) partition by range (time);

create index events_xid on :schema.events (xid);
create index events_actor on :schema.events (actor, time);
create index events_target on :schema.events (target, time);
create index events_subject on :schema.events (subject, time) where subject is not null;

create table :schema.events_default partition of :schema.events default;

-- One partition a month, made ahead of time, so that a month can leave as a whole.
create function :schema.ensure_partitions(ahead integer, today timestamptz default now()) returns integer
language plpgsql
as $$
declare
  month timestamp;
  name text;
  made integer := 0;
begin
  for i in 0..ahead loop
    month := date_trunc('month', today at time zone 'UTC') + make_interval(months => i);
    name := 'events_' || to_char(month, 'YYYY_MM');
    if to_regclass(format('%I.%I', ':schema', name)) is null then
      execute format('create table %I.%I partition of %I.events for values from (%L) to (%L)',
        ':schema', name, ':schema', month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
      made := made + 1;
    end if;
  end loop;
  return made;
end $$;

-- Nobody changes the past by accident: the only update is the erasure of sealed values, and nothing is deleted.
create function :schema.refuse_change() returns trigger
language plpgsql
as $$
begin
  if tg_op = 'UPDATE' and tg_level = 'ROW' then
    if new.sealed is null and (new.time, new.id, new.seq, new.action, new.actor, new.target, new.outcome, new.severity,
        new.subject, new.body, new.mac, new.xid) is not distinct from (old.time, old.id, old.seq, old.action, old.actor,
        old.target, old.outcome, old.severity, old.subject, old.body, old.mac, old.xid) then
      return new;
    end if;
  end if;
  raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end $$;

create trigger append_only before update or delete on :schema.events
  for each row execute function :schema.refuse_change();
create trigger append_only_truncate before truncate on :schema.events
  for each statement execute function :schema.refuse_change();

-- The tree, in tiles of 256 hashes. `keys` of level 0 says which event a leaf is: its time and id, 24 bytes each.
create table :schema.tiles (
  level smallint not null,
  index bigint not null,
  hashes bytea not null,
  keys bytea,
  earliest timestamptz,
  latest timestamptz,
  primary key (level, index)
);
alter table :schema.tiles alter column hashes set storage external, alter column keys set storage external;

create table :schema.log (
  single boolean primary key default true check (single),
  size bigint not null default 0,
  sealed_xid bigint not null default 0,  -- every event below it is in the tree
  rows_xid bigint not null default 0     -- every row change below it is under an event
);
insert into :schema.log default values;

create table :schema.checkpoints (
  size bigint primary key,
  note text not null,
  sealed_at timestamptz not null default now()
);

create table :schema.holds (
  id uuid primary key default gen_random_uuid(),
  subject text,                 -- absent: the hold covers everybody
  since timestamptz not null default '-infinity',
  until timestamptz not null default 'infinity',
  reason text not null,
  placed_by text not null,
  placed_at timestamptz not null default now(),
  released_at timestamptz
);

-- A restored dump carries transaction ids of another cluster; called by migrate, by every new writer and by the sealer.
create function :schema.adopt() returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  here bigint := (select system_identifier from pg_control_system());
begin
  if exists (select from :schema.lineage where cluster = here) then return false; end if;
  update :schema.lineage set cluster = here,
    base = case when cluster = 0 then 0 else 1 + greatest(
      (select coalesce(max(xid), 0) from :schema.events),
      (select greatest(sealed_xid, rows_xid) from :schema.log)) end
  where cluster <> here;
  return found;
end $$;
select :schema.adopt();
select :schema.ensure_partitions(3);
