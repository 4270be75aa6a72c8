-- Category and rating pages read their rows in order from one narrow index.

create schema if not exists "shop";

create index concurrently shop_products_browse on "public"."products" ("category_id", "price_cents", "id")
  where "active";
comment on index "public"."shop_products_browse" is 'shop-pg browse 186034316dfd shop';

create index concurrently shop_products_rating on "public"."products" ("rating" desc, "id")
  where "active";
comment on index "public"."shop_products_rating" is 'shop-pg browse de39a38927c7 shop';

create index concurrently shop_products_category_rating on "public"."products" ("category_id", "rating" desc, "id")
  where "active";
comment on index "public"."shop_products_category_rating" is 'shop-pg browse 7753b5f7fda5 shop';
