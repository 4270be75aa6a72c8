-- asset: substring
-- about: Names are found by any part of them (trigrams).
-- needs: products.name

-- step: ddl extension pg_trgm
create extension pg_trgm schema {{own}};

-- step: concurrent index products_name_part on products
create index concurrently shop_products_name_part on {{products}} using gin ({{products.name}} {{trgm}}.gin_trgm_ops);
