-- asset: orders
-- about: A customer's orders come from one index, newest first, with what the list shows; an item is found by its product.
-- needs: orders.customer items.product

-- step: concurrent index orders_customer on orders
create index concurrently shop_orders_customer on {{orders}} ({{orders.customer}}, {{orders.createdAt}} desc, {{orders.id}})
  include ({{orders.status}}{{#orders.total}}, {{orders.total}}{{/}});

-- step: concurrent index items_product on items
create index concurrently shop_items_product on {{items}} ({{items.product}}, {{items.order}}) include ({{items.quantity}});
