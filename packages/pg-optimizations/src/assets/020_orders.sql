-- asset: orders
-- about: A customer's orders come from one index, newest first. The state is not in it: every change of state would then rewrite all indexes of the row.
-- needs: orders.customer

-- step: concurrent index orders_customer on orders
create index concurrently shop_orders_customer on {{orders}} ({{orders.customer}}, {{orders.createdAt}} desc, {{orders.id}});
