-- asset: orders
-- about: A customer's orders come from one index, newest first, with the columns you say its list shows. The state is in it only then: every change of it writes to all indexes of the row.
-- needs: orders.customer

-- step: concurrent index orders_customer on orders
create index concurrently shop_orders_customer on {{orders}} ({{orders.customer}}, {{orders.createdAt}} desc, {{orders.id}}){{listed}};
