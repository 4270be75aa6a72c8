-- asset: search
-- about: One document a product, with its words, category and price in one place, kept by triggers; words are stored, not recomputed.
-- needs: products.name products.category products.price categories.name

-- step: ddl table product_document
create table {{own}}.product_document (
  product   {{type products.id}} primary key,
  category  {{type products.category}} not null,
  section   text not null,
  price     {{type products.price}} not null,
  {{#products.rating}}rating {{type products.rating}},{{/}}
  -- words of the product, and its category and section as lexemes, so that one index answers all three
  words     tsvector not null
);

-- step: ddl function product_documents
create function {{own}}.product_documents(ids {{type products.id}}[]) returns setof {{own}}.product_document
language sql stable set search_path = '' as $$
  select p.{{products.id}}, p.{{products.category}}, {{#categories.section}}coalesce(c.{{categories.section}}, ''){{/}}{{^categories.section}}''{{/}},
         p.{{products.price}}, {{#products.rating}}p.{{products.rating}},{{/}}
         setweight(to_tsvector({{language}}, p.{{products.name}}), 'A')
         {{#products.brand}}|| setweight(to_tsvector({{language}}, coalesce(p.{{products.brand}}, '')), 'A'){{/}}
         {{#products.description}}|| setweight(to_tsvector({{language}}, coalesce(p.{{products.description}}, '')), 'C'){{/}}
         || setweight(to_tsvector({{language}}, coalesce(c.{{categories.name}}, '')), 'B')
         || array_to_tsvector(array['=category:' || p.{{products.category}}::text{{#categories.section}}, '=section:' || coalesce(c.{{categories.section}}, ''){{/}}])
  from {{products}} p left join {{categories}} c on c.{{categories.id}} = p.{{products.category}}
  where p.{{products.id}} = any(ids) {{#products.active}}and p.{{products.active}}{{/}}
  order by p.{{products.id}}
$$;

-- step: ddl function product_document_write
create function {{own}}.product_document_write(ids {{type products.id}}[]) returns void
language plpgsql security definer set search_path = '' as $$
begin
  -- a category must not be renamed between our reading it and our writing it down
  perform 1 from {{categories}} c where c.{{categories.id}} in (select p.{{products.category}} from {{products}} p where p.{{products.id}} = any(ids))
  order by c.{{categories.id}} for share;
  delete from {{own}}.product_document d where d.product = any(ids)
    and not exists (select from {{products}} p where p.{{products.id}} = d.product {{#products.active}}and p.{{products.active}}{{/}});
  insert into {{own}}.product_document as d select * from {{own}}.product_documents(ids)
  on conflict (product) do update set category = excluded.category, section = excluded.section, price = excluded.price,
    {{#products.rating}}rating = excluded.rating,{{/}} words = excluded.words
  where (d.category, d.section, d.price, {{#products.rating}}d.rating,{{/}} d.words)
    is distinct from (excluded.category, excluded.section, excluded.price, {{#products.rating}}excluded.rating,{{/}} excluded.words);
end $$;

-- step: ddl function product_inserted
create function {{own}}.product_inserted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform {{own}}.product_document_write(array(select {{products.id}} from new_products));
  return null;
end $$;

-- step: ddl function product_changed
create function {{own}}.product_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if (old.{{products.id}}, old.{{products.name}}, old.{{products.category}}, old.{{products.price}}
      {{#products.brand}}, old.{{products.brand}}{{/}}{{#products.description}}, old.{{products.description}}{{/}}{{#products.rating}}, old.{{products.rating}}{{/}}{{#products.active}}, old.{{products.active}}{{/}})
     is distinct from
     (new.{{products.id}}, new.{{products.name}}, new.{{products.category}}, new.{{products.price}}
      {{#products.brand}}, new.{{products.brand}}{{/}}{{#products.description}}, new.{{products.description}}{{/}}{{#products.rating}}, new.{{products.rating}}{{/}}{{#products.active}}, new.{{products.active}}{{/}}) then
    perform {{own}}.product_document_write(array[old.{{products.id}}, new.{{products.id}}]);
  end if;
  return null;
end $$;

-- step: ddl function product_deleted
create function {{own}}.product_deleted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  delete from {{own}}.product_document d using old_products o where d.product = o.{{products.id}};
  return null;
end $$;

-- step: ddl function category_changed
create function {{own}}.category_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform {{own}}.product_document_write(array(
    select p.{{products.id}} from {{products}} p where p.{{products.category}} in (old.{{categories.id}}, new.{{categories.id}})));
  return null;
end $$;

-- step: ddl function products_truncated
create function {{own}}.products_truncated() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  truncate {{own}}.product_document;
  return null;
end $$;

-- step: ddl trigger shop_product_inserted on products
create trigger shop_product_inserted after insert on {{products}}
  referencing new table as new_products for each statement execute function {{own}}.product_inserted();

-- step: ddl trigger shop_product_changed on products
-- whatever is updated: a list of columns would not see what another trigger changes, as one that takes sold-out products off
create trigger shop_product_changed after update on {{products}} for each row execute function {{own}}.product_changed();

-- step: ddl trigger shop_product_deleted on products
create trigger shop_product_deleted after delete on {{products}}
  referencing old table as old_products for each statement execute function {{own}}.product_deleted();

-- step: ddl trigger shop_products_truncated on products
create trigger shop_products_truncated after truncate on {{products}} for each statement execute function {{own}}.products_truncated();

-- step: ddl trigger shop_category_changed on categories
create trigger shop_category_changed after update on {{categories}}
  for each row when (old.* is distinct from new.*) execute function {{own}}.category_changed();

-- step: backfill data product_documents_filled on products
-- the products are held while their documents are written, and read after they are: no change slips in between
with batch as materialized (
  select p.{{products.id}} as id from {{products}} p
  where $1::text is null or p.{{products.id}} > $1::{{type products.id}}
  order by p.{{products.id}} limit $2 for no key update
)
select count(*)::int as count, (array_agg(id order by id desc))[1]::text as last, {{own}}.product_document_write(array_agg(id))::text from batch;

-- step: concurrent index product_document_words
create index concurrently product_document_words on {{own}}.product_document using gin (words);

-- step: concurrent index product_document_section_price
create index concurrently product_document_section_price on {{own}}.product_document (section, price, product);

-- step: concurrent index product_document_section_rating if products.rating
create index concurrently product_document_section_rating on {{own}}.product_document (section, rating desc, product);

-- step: ddl function search_products
-- the best matches first; in_category and in_section narrow by the same index as the words
create function {{own}}.search_products(
  query text, in_category {{type products.category}} default null, in_section text default null,
  min_price {{type products.price}} default null, max_price {{type products.price}} default null,
  max_rows int default 24, skip_rows int default 0
) returns table (product {{type products.id}}, price {{type products.price}}, rank real)
language plpgsql stable set search_path = '' as $$
declare
  wanted tsquery := websearch_to_tsquery({{language}}, query);
begin
  if in_category is not null then wanted := wanted && quote_literal('=category:' || in_category::text)::tsquery; end if;
  if in_section is not null then wanted := wanted && quote_literal('=section:' || in_section)::tsquery; end if;
  return query
    select d.product, d.price, ts_rank(d.words, wanted) as rank from {{own}}.product_document d
    where d.words @@ wanted and (min_price is null or d.price >= min_price) and (max_price is null or d.price <= max_price)
    order by rank desc, d.product limit max_rows offset skip_rows;
end $$;
