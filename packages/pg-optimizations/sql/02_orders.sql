-- A customer's orders come from one index, newest first, with the columns you say its list shows. The state is in it only then: every change of it writes to all indexes of the row.

create index concurrently shop_orders_customer on "public"."orders" ("customer_id", "created_at" desc, "id");
comment on index "public"."shop_orders_customer" is 'shop-pg orders 22a188e37caa shop';
