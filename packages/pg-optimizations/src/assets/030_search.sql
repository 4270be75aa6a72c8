-- asset: search
-- about: One document a product, with its words, category and price in one place, kept by triggers; words are stored, not recomputed.
-- needs: products.name products.category products.price categories.name

-- step: ddl table product_document
create table {{own}}.product_document (
  product   {{type products.id}} primary key,
  category  {{type products.category}},
  section   text not null,
  price     {{type products.price}},
  {{#products.rating}}rating {{type products.rating}},{{/}}
  -- words of the product, and its category and section as lexemes, so that one index answers all three
  words     tsvector not null
);

-- step: ddl function product_lexeme
-- a category or section as one word no text can contain; words end at 2046 bytes
create function {{own}}.product_lexeme(kind text, value text) returns text language sql immutable parallel safe
return '=' || kind || ':' || left(value, 500);

-- step: ddl function product_documents
-- texts are cut where their words could be more than a document holds (1 MB), which would be an error of the shop's own statement
create function {{own}}.product_documents(ids {{type products.id}}[]) returns setof {{own}}.product_document
language sql stable set search_path = '' as $$
  select p.{{products.id}}, p.{{products.category}}, {{#categories.section}}coalesce(c.{{categories.section}}, ''){{/}}{{^categories.section}}''{{/}},
         p.{{products.price}}, {{#products.rating}}p.{{products.rating}},{{/}}
         setweight(to_tsvector({{language}}, left(coalesce(p.{{products.name}}, ''), 10000)), 'A')
         {{#products.brand}}|| setweight(to_tsvector({{language}}, left(coalesce(p.{{products.brand}}, ''), 10000)), 'A'){{/}}
         {{#products.description}}|| setweight(to_tsvector({{language}}, left(coalesce(p.{{products.description}}, ''), 150000)), 'C'){{/}}
         || setweight(to_tsvector({{language}}, left(coalesce(c.{{categories.name}}, ''), 10000)), 'B')
         || array_to_tsvector(array_remove(array[{{own}}.product_lexeme('category', p.{{products.category}}::text)
              {{#categories.section}}, {{own}}.product_lexeme('section', coalesce(c.{{categories.section}}, '')){{/}}], null))
  from {{products}} p left join {{categories}} c on c.{{categories.id}} = p.{{products.category}}
  where p.{{products.id}} = any(ids) {{#products.active}}and p.{{products.active}}{{/}}
  order by p.{{products.id}}
$$;

-- step: ddl function product_document_write
create function {{own}}.product_document_write(ids {{type products.id}}[], left_categories {{type products.category}}[] default '{}') returns void
language plpgsql security definer set search_path = '' as $$
begin
  -- a category must not be renamed between our reading it and our writing it down, nor one that a product has just left
  perform 1 from {{categories}} c where c.{{categories.id}} = any(left_categories)
    or c.{{categories.id}} in (select p.{{products.category}} from {{products}} p where p.{{products.id}} = any(ids))
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
  if (old.{{products.id}}, old.{{products.name}}, old.{{products.category}}
      {{#products.brand}}, old.{{products.brand}}{{/}}{{#products.description}}, old.{{products.description}}{{/}}{{#products.active}}, old.{{products.active}}{{/}})
     is distinct from
     (new.{{products.id}}, new.{{products.name}}, new.{{products.category}}
      {{#products.brand}}, new.{{products.brand}}{{/}}{{#products.description}}, new.{{products.description}}{{/}}{{#products.active}}, new.{{products.active}}{{/}}) then
    perform {{own}}.product_document_write(array[old.{{products.id}}, new.{{products.id}}], array[old.{{products.category}}]);
  elsif (old.{{products.price}}{{#products.rating}}, old.{{products.rating}}{{/}}) is distinct from (new.{{products.price}}{{#products.rating}}, new.{{products.rating}}{{/}}) then
    -- its words are what they were, and need not be taken apart again
    perform 1 from {{categories}} c where c.{{categories.id}} = new.{{products.category}} for share;
    update {{own}}.product_document d set price = new.{{products.price}}{{#products.rating}}, rating = new.{{products.rating}}{{/}}
    where d.product = new.{{products.id}};
  end if;
  return null;
end $$;

-- step: ddl function product_deleted
create function {{own}}.product_deleted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  -- a rename under way must not write down again what goes here
  perform 1 from {{categories}} c where c.{{categories.id}} in (select o.{{products.category}} from old_products o) order by c.{{categories.id}} for share;
  delete from {{own}}.product_document d using old_products o where d.product = o.{{products.id}};
  return null;
end $$;

-- step: ddl function tsquery_of
create function {{own}}.tsquery_of(lexeme text) returns tsquery language sql immutable strict parallel safe
return (E'\'' || replace(replace(lexeme, E'\\', E'\\\\'), E'\'', E'\'\'') || E'\'')::tsquery;

-- step: ddl function category_changed
-- also one that comes after its products, or goes before them, where no foreign key forbids it
create function {{own}}.category_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform {{own}}.product_document_write(array(
    select d.product from {{own}}.product_document d
    where tg_op <> 'INSERT' and d.words @@ {{own}}.tsquery_of({{own}}.product_lexeme('category', old.{{categories.id}}::text))
    union
    select d.product from {{own}}.product_document d
    where tg_op <> 'DELETE' and d.words @@ {{own}}.tsquery_of({{own}}.product_lexeme('category', new.{{categories.id}}::text))));
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
create trigger shop_category_changed after update on {{categories}} for each row
  when ((old.{{categories.id}}, old.{{categories.name}}{{#categories.section}}, old.{{categories.section}}{{/}}) is distinct from
        (new.{{categories.id}}, new.{{categories.name}}{{#categories.section}}, new.{{categories.section}}{{/}}))
  execute function {{own}}.category_changed();

-- step: ddl trigger shop_category_came_or_went on categories
create trigger shop_category_came_or_went after insert or delete on {{categories}} for each row execute function {{own}}.category_changed();

-- step: backfill data product_documents_filled on products
-- the products are held while their documents are written, and read after they are: no change slips in between
with batch as materialized (
  select p.{{products.id}} as id from {{products}} p
  where $1::text is null or p.{{products.id}} > $1::{{type products.id}}
  order by p.{{products.id}} limit $2 for no key update
)
select count(*)::int as count, (array_agg(id order by id desc))[1]::text as last, {{own}}.product_document_write(array_agg(id))::text from batch;

-- step: build data product_documents_swept
-- of products that were deleted while the triggers were not there, or were disabled
delete from {{own}}.product_document d
where not exists (select from {{products}} p where p.{{products.id}} = d.product {{#products.active}}and p.{{products.active}}{{/}});

-- step: concurrent index product_document_words
create index concurrently product_document_words on {{own}}.product_document using gin (words);

-- step: concurrent index product_document_section_price
create index concurrently product_document_section_price on {{own}}.product_document (section, price, product);

-- step: concurrent index product_document_section_rating if products.rating
create index concurrently product_document_section_rating on {{own}}.product_document (section, rating desc, product);

-- step: ddl function search_products
-- the best matches first; in_category and in_section narrow by the same index as the words. Of a word that is everywhere, the
-- first max_ranked matches found are ranked: what a visitor types decides what to look for, not how long that may take.
create function {{own}}.search_products(
  query text, in_category {{type products.category}} default null, in_section text default null,
  min_price {{type products.price}} default null, max_price {{type products.price}} default null,
  max_rows int default 24, skip_rows int default 0, max_ranked int default 10000
) returns table (product {{type products.id}}, price {{type products.price}}, rank real)
language plpgsql stable set search_path = '' as $$
declare
  wanted tsquery := websearch_to_tsquery({{language}}, query);
begin
  if in_category is not null then wanted := wanted && {{own}}.tsquery_of({{own}}.product_lexeme('category', in_category::text)); end if;
  if in_section is not null then wanted := wanted && {{own}}.tsquery_of({{own}}.product_lexeme('section', in_section)); end if;
  return query
    select d.product, d.price, ts_rank(d.words, wanted) as rank from (
      select m.product, m.price, m.words from {{own}}.product_document m
      where m.words @@ wanted and (min_price is null or m.price >= min_price) and (max_price is null or m.price <= max_price)
      limit max_ranked
    ) d order by rank desc, d.product limit max_rows offset skip_rows;
end $$;
