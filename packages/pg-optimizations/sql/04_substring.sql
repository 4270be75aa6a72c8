-- Names are found by any part of them (trigrams).

begin;
create extension pg_trgm schema "shop";
insert into "shop".applied_step (step, hash, finished_at) values ('substring/extension shop.pg_trgm', 'dab59a0f5bbf', now());
commit;

create index concurrently shop_products_name_part on "public"."products" using gin ("name" "shop".gin_trgm_ops);
comment on index "public"."shop_products_name_part" is 'shop-pg substring 383febdd2d69 shop';
