-- What the row triggers write: only what changed, one row per changed row.
create table :schema.row_changes (
  id bigint generated always as identity (cache 32),
  xid bigint not null,
  at timestamptz not null default statement_timestamp(),
  relation oid not null,
  op "char" not null,           -- I, U, D, T
  key text collate "C",         -- the primary key; the parts of a composite one with commas between
  old text,                     -- JSON: the changed columns before; the whole row of a delete
  new text,                     -- JSON: the changed columns after; the whole row of an insert
  actor text,
  request text
);
create index row_changes_key on :schema.row_changes (relation, key);
create index row_changes_xid on :schema.row_changes using brin (xid) with (autosummarize = on);

create function :schema.refuse_row_change() returns trigger
language plpgsql
as $$ begin raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege'; end $$;
create trigger append_only before update or truncate on :schema.row_changes
  for each statement execute function :schema.refuse_row_change();

-- The tables whose rows are tracked, and which of their columns are not shown.
create table :schema.tracked (
  relation oid primary key,
  name text not null,
  excluded text[] not null,
  redacted text[] not null,
  since timestamptz not null default now()
);
