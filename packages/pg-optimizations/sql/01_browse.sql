-- Category and rating pages read their rows in order from one narrow index.
-- For psql, file by file, and not within a transaction: indexes are built concurrently. The files are for these types;
-- where yours differ, `shop-pg export` writes them for yours.
-- "public"."products" ("id" bigint, "name" text, "category_id" bigint, "price_cents" bigint, "description" text, "brand" text, "rating" bigint, "active" boolean, "stock" bigint)
-- "public"."categories" ("id" bigint, "name" text, "section" text)
-- "public"."orders" ("id" bigint, "customer_id" bigint, "status" text, "created_at" timestamptz, "total_cents" bigint)
-- "public"."order_items" ("order_id" bigint, "product_id" bigint, "quantity" bigint, "unit_cents" bigint)

begin;
create schema "shop";
comment on schema "shop" is 'shop-pg schema';
create table "shop".applied_step (step text primary key, hash text not null, begun_at timestamptz not null default now(), finished_at timestamptz, cursor text, definition text);
comment on table "shop".applied_step is 'shop-pg notes 000000000000 shop';
commit;

create index concurrently shop_products_browse on "public"."products" ("category_id", "price_cents", "id")
  where "active";
comment on index "public"."shop_products_browse" is 'shop-pg browse 186034316dfd shop';

create index concurrently shop_products_rating on "public"."products" ("rating" desc, "id")
  where "active";
comment on index "public"."shop_products_rating" is 'shop-pg browse de39a38927c7 shop';

create index concurrently shop_products_category_rating on "public"."products" ("category_id", "rating" desc, "id")
  where "active";
comment on index "public"."shop_products_category_rating" is 'shop-pg browse 7753b5f7fda5 shop';
