create table if not exists shop_idempotency (
  key text primary key,
  fingerprint text not null,
  token uuid not null unique,
  until timestamptz not null,
  done boolean not null default false,
  result jsonb
);
create index if not exists shop_idempotency_until on shop_idempotency (until);
