-- asset: browse
-- about: Category and rating pages read their rows in order from one narrow index.
-- needs: products.category products.price

-- step: concurrent index products_browse on products
create index concurrently shop_products_browse on {{products}} ({{products.category}}, {{products.price}}, {{products.id}})
  {{#products.active}}where {{products.active}}{{/}};

-- step: concurrent index products_rating on products if products.rating
create index concurrently shop_products_rating on {{products}} ({{products.rating}} desc, {{products.id}})
  {{#products.active}}where {{products.active}}{{/}};

-- step: concurrent index products_category_rating on products if products.rating
create index concurrently shop_products_category_rating on {{products}} ({{products.category}}, {{products.rating}} desc, {{products.id}})
  {{#products.active}}where {{products.active}}{{/}};
