-- What postgresStore() of @shop/security-middleware remembers. Safe to run again.
create table if not exists shop_security_claims (
  key text primary key,
  fingerprint text not null,
  token uuid not null,
  lease_until timestamptz not null,
  completed_at timestamptz,
  result jsonb
);
create index if not exists shop_security_claims_token on shop_security_claims (token);
create index if not exists shop_security_claims_completed on shop_security_claims (completed_at);
create table if not exists shop_security_positions (
  key text primary key,
  position bigint not null,
  advanced_at timestamptz not null default now()
);
