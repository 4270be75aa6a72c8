create table if not exists "public".shop_subject_pepper (
  one boolean primary key default true check (one),
  sealed text not null
);

create table if not exists "public".shop_subject_keys (
  subject_ref bytea primary key,
  key_ref uuid not null unique,
  key_id bigint not null check (key_id between 1 and 4294967295),
  wrapped text,
  created_at timestamptz not null default now(),
  forgotten_at timestamptz,
  check ((wrapped is null) = (forgotten_at is not null))
);

create table if not exists "public".shop_erasure_ledger (
  seq bigint generated always as identity primary key,
  key_ref uuid not null unique,
  subject_ref bytea not null,
  forgotten_at timestamptz not null default now(),
  reason text
);
