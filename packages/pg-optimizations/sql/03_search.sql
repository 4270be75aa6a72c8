-- One document a product, with its words, category and price in one place, kept by triggers; words are stored, not recomputed.

create table "shop".product_document (
  product   bigint primary key,
  category  bigint,
  section   text not null,
  price     bigint,
  rating bigint,
  -- words of the product, and its category and section as lexemes, so that one index answers all three
  words     tsvector not null
);
comment on table "shop"."product_document" is 'shop-pg search c1e722ec4acd shop';

-- a category or section as one word no text can contain; words end at 2046 bytes
create function "shop".product_lexeme(kind text, value text) returns text language sql immutable parallel safe
return '=' || kind || ':' || left(value, 500);
comment on function "shop"."product_lexeme" is 'shop-pg search 35c3ee16652c shop';

-- texts are cut where their words could be more than a document holds (1 MB), which would be an error of the shop's own statement
create function "shop".product_documents(ids bigint[]) returns setof "shop".product_document
language sql stable set search_path = '' as $$
  select p."id", p."category_id", coalesce(c."section", ''),
         p."price_cents", p."rating",
         setweight(to_tsvector('pg_catalog.english', left(coalesce(p."name", ''), 10000)), 'A')
         || setweight(to_tsvector('pg_catalog.english', left(coalesce(p."brand", ''), 10000)), 'A')
         || setweight(to_tsvector('pg_catalog.english', left(coalesce(p."description", ''), 150000)), 'C')
         || setweight(to_tsvector('pg_catalog.english', left(coalesce(c."name", ''), 10000)), 'B')
         || array_to_tsvector(array_remove(array["shop".product_lexeme('category', p."category_id"::text)
              , "shop".product_lexeme('section', coalesce(c."section", ''))], null))
  from "public"."products" p left join "public"."categories" c on c."id" = p."category_id"
  where p."id" = any(ids) and p."active"
  order by p."id"
$$;
comment on function "shop"."product_documents" is 'shop-pg search 3f1dfa036c96 shop';

create function "shop".product_document_write(ids bigint[], left_categories bigint[] default '{}') returns void
language plpgsql security definer set search_path = '' as $$
begin
  -- a category must not be renamed between our reading it and our writing it down, nor one that a product has just left
  perform 1 from "public"."categories" c where c."id" = any(left_categories)
    or c."id" in (select p."category_id" from "public"."products" p where p."id" = any(ids))
  order by c."id" for share;
  delete from "shop".product_document d where d.product = any(ids)
    and not exists (select from "public"."products" p where p."id" = d.product and p."active");
  insert into "shop".product_document as d select * from "shop".product_documents(ids)
  on conflict (product) do update set category = excluded.category, section = excluded.section, price = excluded.price,
    rating = excluded.rating, words = excluded.words
  where (d.category, d.section, d.price, d.rating, d.words)
    is distinct from (excluded.category, excluded.section, excluded.price, excluded.rating, excluded.words);
end $$;
revoke execute on function "shop".product_document_write from public;
comment on function "shop"."product_document_write" is 'shop-pg search e6afa7cac8eb shop';

create function "shop".product_inserted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform "shop".product_document_write(array(select "id" from new_products));
  return null;
end $$;
revoke execute on function "shop".product_inserted from public;
comment on function "shop"."product_inserted" is 'shop-pg search 06e2eeffea79 shop';

create function "shop".product_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if (old."id", old."name", old."category_id"
      , old."brand", old."description", old."active")
     is distinct from
     (new."id", new."name", new."category_id"
      , new."brand", new."description", new."active") then
    perform "shop".product_document_write(array[old."id", new."id"], array[old."category_id"]);
  elsif (old."price_cents", old."rating") is distinct from (new."price_cents", new."rating") then
    -- its words are what they were, and need not be taken apart again
    perform 1 from "public"."categories" c where c."id" = new."category_id" for share;
    update "shop".product_document d set price = new."price_cents", rating = new."rating"
    where d.product = new."id";
  end if;
  return null;
end $$;
revoke execute on function "shop".product_changed from public;
comment on function "shop"."product_changed" is 'shop-pg search d7ba488cf23b shop';

create function "shop".product_deleted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  -- a rename under way must not write down again what goes here
  perform 1 from "public"."categories" c where c."id" in (select o."category_id" from old_products o) order by c."id" for share;
  delete from "shop".product_document d using old_products o where d.product = o."id";
  return null;
end $$;
revoke execute on function "shop".product_deleted from public;
comment on function "shop"."product_deleted" is 'shop-pg search 4f61f02ad12b shop';

create function "shop".tsquery_of(lexeme text) returns tsquery language sql immutable strict parallel safe
return (E'\'' || replace(replace(lexeme, E'\\', E'\\\\'), E'\'', E'\'\'') || E'\'')::tsquery;
comment on function "shop"."tsquery_of" is 'shop-pg search 7b9e409b678d shop';

-- also one that comes after its products, or goes before them, where no foreign key forbids it
create function "shop".category_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform "shop".product_document_write(array(
    select d.product from "shop".product_document d
    where tg_op <> 'INSERT' and d.words @@ "shop".tsquery_of("shop".product_lexeme('category', old."id"::text))
    union
    select d.product from "shop".product_document d
    where tg_op <> 'DELETE' and d.words @@ "shop".tsquery_of("shop".product_lexeme('category', new."id"::text))));
  return null;
end $$;
revoke execute on function "shop".category_changed from public;
comment on function "shop"."category_changed" is 'shop-pg search f3bf3ca60a39 shop';

create function "shop".products_truncated() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  truncate "shop".product_document;
  return null;
end $$;
revoke execute on function "shop".products_truncated from public;
comment on function "shop"."products_truncated" is 'shop-pg search cea985d4637d shop';

create trigger shop_product_inserted after insert on "public"."products"
  referencing new table as new_products for each statement execute function "shop".product_inserted();
comment on trigger "shop_product_inserted" on "public"."products" is 'shop-pg search 2a296f4217d5 shop';

-- whatever is updated: a list of columns would not see what another trigger changes, as one that takes sold-out products off
create trigger shop_product_changed after update on "public"."products" for each row execute function "shop".product_changed();
comment on trigger "shop_product_changed" on "public"."products" is 'shop-pg search 99f0ca9531ac shop';

create trigger shop_product_deleted after delete on "public"."products"
  referencing old table as old_products for each statement execute function "shop".product_deleted();
comment on trigger "shop_product_deleted" on "public"."products" is 'shop-pg search df596dd15a7f shop';

create trigger shop_products_truncated after truncate on "public"."products" for each statement execute function "shop".products_truncated();
comment on trigger "shop_products_truncated" on "public"."products" is 'shop-pg search 327e7a5a8238 shop';

create trigger shop_category_changed after update on "public"."categories" for each row
  when ((old."id", old."name", old."section") is distinct from
        (new."id", new."name", new."section"))
  execute function "shop".category_changed();
comment on trigger "shop_category_changed" on "public"."categories" is 'shop-pg search 220411021ae2 shop';

create trigger shop_category_came_or_went after insert or delete on "public"."categories" for each row execute function "shop".category_changed();
comment on trigger "shop_category_came_or_went" on "public"."categories" is 'shop-pg search 1a78cc368b00 shop';

do $shop1$ declare
  seen int;
  at text;
  done text;
begin
  loop
    execute $$
-- the products are held while their documents are written, and read after they are: no change slips in between
with batch as materialized (
  select p."id" as id from "public"."products" p
  where $1::text is null or p."id" > $1::bigint
  order by p."id" limit $2 for no key update
)
select count(*)::int as count, (array_agg(id order by id desc))[1]::text as last, "shop".product_document_write(array_agg(id))::text from batch
    $$ into seen, at, done using at, 1000;
    exit when seen = 0;
    commit;
  end loop;
end $shop1$;
insert into "shop".applied_step (step, hash, finished_at) values ('search/data public.product_documents_filled', '93535392513a', now());

begin isolation level repeatable read;
-- of products that were deleted while the triggers were not there, or were disabled
delete from "shop".product_document d
where not exists (select from "public"."products" p where p."id" = d.product and p."active");
insert into "shop".applied_step (step, hash, finished_at) values ('search/data shop.product_documents_swept', 'e289c528c40a', now());
commit;

create index concurrently product_document_words on "shop".product_document using gin (words);
comment on index "shop"."product_document_words" is 'shop-pg search 7a68428b2d62 shop';

create index concurrently product_document_section_price on "shop".product_document (section, price, product);
comment on index "shop"."product_document_section_price" is 'shop-pg search dcb648071319 shop';

create index concurrently product_document_section_rating on "shop".product_document (section, rating desc, product);
comment on index "shop"."product_document_section_rating" is 'shop-pg search c6d85c59a3fa shop';

-- the best matches first; in_category and in_section narrow by the same index as the words. Of a word that is everywhere, the
-- first max_ranked matches found are ranked: what a visitor types decides what to look for, not how long that may take.
create function "shop".search_products(
  query text, in_category bigint default null, in_section text default null,
  min_price bigint default null, max_price bigint default null,
  max_rows int default 24, skip_rows int default 0, max_ranked int default 10000
) returns table (product bigint, price bigint, rank real)
language plpgsql stable set search_path = '' as $$
declare
  wanted tsquery := websearch_to_tsquery('pg_catalog.english', query);
begin
  if in_category is not null then wanted := wanted && "shop".tsquery_of("shop".product_lexeme('category', in_category::text)); end if;
  if in_section is not null then wanted := wanted && "shop".tsquery_of("shop".product_lexeme('section', in_section)); end if;
  return query
    select d.product, d.price, ts_rank(d.words, wanted) as rank from (
      select m.product, m.price, m.words from "shop".product_document m
      where m.words @@ wanted and (min_price is null or m.price >= min_price) and (max_price is null or m.price <= max_price)
      limit max_ranked
    ) d order by rank desc, d.product limit max_rows offset skip_rows;
end $$;
comment on function "shop"."search_products" is 'shop-pg search 704599b42990 shop';
