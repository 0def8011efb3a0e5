-- Streets are found however they are spelt: "Governors Drive Southwest" where "Governors Dr SW" is written, and the other way round. The other
-- spelling stands in the document beside the written one, so that finding costs what it cost.
create function app.street_aliases(t text) returns text language sql immutable parallel safe as $$
  select string_agg(case when w.word = s.short then s.long else s.short end, ' ')
    from regexp_split_to_table(app.fold(t), '[^a-z0-9]+') w(word)
    join (values ('st', 'street'), ('rd', 'road'), ('dr', 'drive'), ('ave', 'avenue'), ('av', 'avenue'), ('blvd', 'boulevard'), ('ln', 'lane'),
                 ('ct', 'court'), ('cir', 'circle'), ('pl', 'place'), ('ter', 'terrace'), ('pkwy', 'parkway'), ('hwy', 'highway'), ('trl', 'trail'),
                 ('sq', 'square'), ('xing', 'crossing'), ('mt', 'mount'), ('apt', 'apartment'), ('ste', 'suite'), ('n', 'north'), ('s', 'south'),
                 ('e', 'east'), ('w', 'west'), ('ne', 'northeast'), ('nw', 'northwest'), ('se', 'southeast'), ('sw', 'southwest')) s(short, long)
      on w.word in (s.short, s.long)
$$;

create or replace function app.index_contacts(ids uuid[]) returns void language sql as $$
  insert into contact_search (contact_id, names, doc)
  select c.id, app.contact_names(c.name, c.nickname, c.company),
         app.fold(concat_ws(' ', c.name, c.first_name, c.last_name, c.nickname, c.company, array_to_string(c.tags, ' '),
           (select string_agg(e.address, ' ') from contact_emails e where e.org_id = c.org_id and e.contact_id = c.id),
           (select string_agg(p.typed || ' ' || p.match_key || ' ' || regexp_replace(p.typed, '\D', '', 'g'), ' ') from contact_phones p where p.org_id = c.org_id and p.contact_id = c.id),
           (select string_agg(concat_ws(' ', a.street, app.street_aliases(a.street || ' ' || a.unit), a.unit, a.city, a.region, a.postal_code, a.access_notes, a.neighbourhood), ' ') from addresses a where a.org_id = c.org_id and a.contact_id = c.id and a.deleted_at is null),
           (select string_agg(t.key || ' ' || t.value, ' ') from attributes t where t.org_id = c.org_id and t.contact_id = c.id and t.state <> 'dropped'),
           (select string_agg(n.body, ' ') from notes n where n.org_id = c.org_id and n.contact_id = c.id)))
    from contacts c where c.id = any (ids)
  on conflict (org_id, contact_id) do update set doc = excluded.doc, names = excluded.names
    where (contact_search.doc, contact_search.names) is distinct from (excluded.doc, excluded.names);
$$;

alter table contact_search no force row level security;
alter table addresses no force row level security;
update contact_search s set doc = s.doc || ' ' || a.aliases
  from (select org_id, contact_id, string_agg(app.street_aliases(street || ' ' || unit), ' ') as aliases from addresses where deleted_at is null group by 1, 2) a
 where a.org_id = s.org_id and a.contact_id = s.contact_id and a.aliases is not null;
alter table contact_search force row level security;
alter table addresses force row level security;

-- One word of several is wrong: those whom all the others find, the nearest to it first. Looked for only where nothing else was found.
create function app.guess_one_word(org uuid, words text[], archived boolean, lim int, near real)
returns table (contact_id uuid, rank int) language plpgsql stable security definer rows 30 set search_path = public, pg_temp as $$
begin
  if org is distinct from app.org() then return; end if;
  return query
    select x.id, x.score from (
      select h.contact_id as id, max((word_similarity(w.word, s.doc) * 1000)::int) as score
        from unnest(words) with ordinality w(word, n)
       cross join lateral app.search_contacts(org, array(select o.word from unnest(words) with ordinality o(word, n) where o.n <> w.n order by o.n), archived, 200) h
        join contact_search s on s.org_id = org and s.contact_id = h.contact_id
       where cardinality(words) between 2 and 6
       group by 1) x
     where x.score >= near * 1000 order by x.score desc, x.id limit lim;
end $$;

create or replace function app.guess_contacts(org uuid, words text[], archived boolean, lim int)
returns table (contact_id uuid, rank int) language plpgsql stable security definer rows 30 set search_path = public, pg_temp
set pg_trgm.word_similarity_threshold = 0.35 as $$
declare
  longest text := (select w from unnest(words) w order by length(w) desc limit 1);
begin
  if org is distinct from app.org() or cardinality(words) = 0 then return; end if;
  return query
    select x.id, x.score from (
      select c.id, c.name_key, n.score
        from (select s.org_id, s.contact_id, s.names from contact_search s where s.org_id = org and s.names %> longest limit 300) s
        join contacts c on c.org_id = s.org_id and c.id = s.contact_id and (c.deleted_at is not null) = archived
       cross join lateral (select (avg(l) * 1000)::int as score, min(l) as least from (select word_similarity(w, s.names) as l from unnest(words) w) each) n
       where n.least >= case when cardinality(words) = 1 then 0.35 else 0.5 end
       order by n.score desc, c.name_key, c.id limit lim) x;
  if found then return; end if;
  return query select g.contact_id, g.rank from app.guess_one_word(org, words, archived, lim, 0.3) g;
  if found then return; end if;
  return query
    select x.id, x.score from (
      select c.id, c.name_key, n.score
        from (select s.org_id, s.contact_id, s.doc from contact_search s where s.org_id = org and s.doc %> longest limit 60) s
        join contacts c on c.org_id = s.org_id and c.id = s.contact_id and (c.deleted_at is not null) = archived
       cross join lateral (select (avg(l) * 1000)::int as score, min(l) as least from (select word_similarity(w, s.doc) as l from unnest(words) w) each) n
       where n.least >= 0.4
       order by n.score desc, c.name_key, c.id limit lim) x;
  if found or cardinality(words) < 3 then return; end if;
  return query select g.contact_id, g.rank from app.guess_one_word(org, words, archived, lim, 0) g;
end $$;
grant create on schema app to rounds_lookup;
alter function app.guess_one_word(uuid, text[], boolean, int, real) owner to rounds_lookup;
revoke create on schema app from rounds_lookup;
