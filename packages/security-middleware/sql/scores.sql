-- What postgresScores() of @shop/security-middleware remembers. Safe to run again. Times are milliseconds of the processes'
-- clocks; only expires_at is this server's. Room in each page and no second index keep an offence a heap-only update.
create table if not exists shop_security_scores (
  client text primary key,
  score double precision not null,
  at double precision not null,
  jailed_until double precision not null,
  expires_at timestamptz not null
) with (fillfactor = 70);
