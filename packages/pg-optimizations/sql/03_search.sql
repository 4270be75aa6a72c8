-- One document a product, with its words, category and price in one place, kept by triggers; words are stored, not recomputed.

create table "shop".product_document (
  product   bigint primary key,
  category  bigint not null,
  section   text not null,
  price     bigint not null,
  rating bigint,
  -- words of the product, and its category and section as lexemes, so that one index answers all three
  words     tsvector not null
);
comment on table "shop"."product_document" is 'shop-pg search 9a694d7065db shop';

create function "shop".product_documents(ids bigint[]) returns setof "shop".product_document
language sql stable set search_path = '' as $$
  select p."id", p."category_id", coalesce(c."section", ''),
         p."price_cents", p."rating",
         setweight(to_tsvector('pg_catalog.english', p."name"), 'A')
         || setweight(to_tsvector('pg_catalog.english', coalesce(p."brand", '')), 'A')
         || setweight(to_tsvector('pg_catalog.english', coalesce(p."description", '')), 'C')
         || setweight(to_tsvector('pg_catalog.english', coalesce(c."name", '')), 'B')
         || array_to_tsvector(array['=category:' || p."category_id"::text, '=section:' || coalesce(c."section", '')])
  from "public"."products" p left join "public"."categories" c on c."id" = p."category_id"
  where p."id" = any(ids) and p."active"
  order by p."id"
$$;

create function "shop".product_document_write(ids bigint[]) returns void
language plpgsql security definer set search_path = '' as $$
begin
  -- a category must not be renamed between our reading it and our writing it down
  perform 1 from "public"."categories" c where c."id" in (select p."category_id" from "public"."products" p where p."id" = any(ids))
  order by c."id" for share;
  delete from "shop".product_document d where d.product = any(ids)
    and not exists (select from "public"."products" p where p."id" = d.product and p."active");
  insert into "shop".product_document as d select * from "shop".product_documents(ids)
  on conflict (product) do update set category = excluded.category, section = excluded.section, price = excluded.price,
    rating = excluded.rating, words = excluded.words
  where (d.category, d.section, d.price, d.rating, d.words)
    is distinct from (excluded.category, excluded.section, excluded.price, excluded.rating, excluded.words);
end $$;

create function "shop".product_inserted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform "shop".product_document_write(array(select "id" from new_products));
  return null;
end $$;

create function "shop".product_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if (old."id", old."name", old."category_id", old."price_cents"
      , old."brand", old."description", old."rating", old."active")
     is distinct from
     (new."id", new."name", new."category_id", new."price_cents"
      , new."brand", new."description", new."rating", new."active") then
    perform "shop".product_document_write(array[old."id", new."id"]);
  end if;
  return null;
end $$;

create function "shop".product_deleted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  delete from "shop".product_document d using old_products o where d.product = o."id";
  return null;
end $$;

create function "shop".category_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform "shop".product_document_write(array(
    select p."id" from "public"."products" p where p."category_id" in (old."id", new."id")));
  return null;
end $$;

create function "shop".products_truncated() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  truncate "shop".product_document;
  return null;
end $$;

create trigger shop_product_inserted after insert on "public"."products"
  referencing new table as new_products for each statement execute function "shop".product_inserted();

-- whatever is updated: a list of columns would not see what another trigger changes, as one that takes sold-out products off
create trigger shop_product_changed after update on "public"."products" for each row execute function "shop".product_changed();

create trigger shop_product_deleted after delete on "public"."products"
  referencing old table as old_products for each statement execute function "shop".product_deleted();

create trigger shop_products_truncated after truncate on "public"."products" for each statement execute function "shop".products_truncated();

create trigger shop_category_changed after update on "public"."categories"
  for each row when (old.* is distinct from new.*) execute function "shop".category_changed();

-- in batches: give the last value it returned as $1 until count is 0
/*
-- the products are held while their documents are written, and read after they are: no change slips in between
with batch as materialized (
  select p."id" as id from "public"."products" p
  where $1::text is null or p."id" > $1::bigint
  order by p."id" limit $2 for no key update
)
select count(*)::int as count, (array_agg(id order by id desc))[1]::text as last, "shop".product_document_write(array_agg(id))::text from batch;
*/

create index concurrently product_document_words on "shop".product_document using gin (words);
comment on index "shop"."product_document_words" is 'shop-pg search 7a68428b2d62 shop';

create index concurrently product_document_section_price on "shop".product_document (section, price, product);
comment on index "shop"."product_document_section_price" is 'shop-pg search dcb648071319 shop';

create index concurrently product_document_section_rating on "shop".product_document (section, rating desc, product);
comment on index "shop"."product_document_section_rating" is 'shop-pg search c6d85c59a3fa shop';

-- the best matches first; in_category and in_section narrow by the same index as the words
create function "shop".search_products(
  query text, in_category bigint default null, in_section text default null,
  min_price bigint default null, max_price bigint default null,
  max_rows int default 24, skip_rows int default 0
) returns table (product bigint, price bigint, rank real)
language plpgsql stable set search_path = '' as $$
declare
  wanted tsquery := websearch_to_tsquery('pg_catalog.english', query);
begin
  if in_category is not null then wanted := wanted && quote_literal('=category:' || in_category::text)::tsquery; end if;
  if in_section is not null then wanted := wanted && quote_literal('=section:' || in_section)::tsquery; end if;
  return query
    select d.product, d.price, ts_rank(d.words, wanted) as rank from "shop".product_document d
    where d.words @@ wanted and (min_price is null or d.price >= min_price) and (max_price is null or d.price <= max_price)
    order by rank desc, d.product limit max_rows offset skip_rows;
end $$;
