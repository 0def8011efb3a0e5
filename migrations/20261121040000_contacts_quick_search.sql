-- Finding a customer costs about the same whatever the words, and however many businesses there are.
--
-- A business of a few hundred customers is read through by name: no index over all businesses' documents is touched. In a larger one the
-- customers whose name holds a word come first, from an index of names alone; then the next few hundred by name are looked at, which fills
-- the page where a word is frequent ("gate code"); only what is rarer than that is looked up in the index of documents.

-- Most words have no accents: they are not looked for one by one then. In PL/pgSQL, which calls it many times at little cost.
create or replace function app.fold(t text) returns text language plpgsql immutable parallel safe as $$
begin
  return lower(case when octet_length(t) = length(t) then t
    else translate(t, 'ÀÁÂÃÄÅàáâãäåÇçÈÉÊËèéêëÌÍÎÏìíîïÑñÒÓÔÕÖØòóôõöøÙÚÛÜùúûüÝýÿŠšŽžŁł', 'aaaaaaaaaaaacceeeeeeeeiiiiiiiinnoooooooooooouuuuuuuuyyysszzll') end);
end $$;

-- The names of a contact as they are compared. Begins with a space, so that a word's beginning is found the same way wherever it stands.
alter table contact_search add column names text not null default '';
create function app.contact_names(name text, nickname text, company text) returns text language sql immutable parallel safe as
  $$ select ' ' || app.fold(concat_ws(' ', name, nickname, company)) $$;
alter table contact_search no force row level security;
alter table contacts no force row level security;
update contact_search s set names = app.contact_names(c.name, c.nickname, c.company) from contacts c where c.org_id = s.org_id and c.id = s.contact_id;
alter table contact_search force row level security;
alter table contacts force row level security;
create index contact_search_names on contact_search using gin (org_id, names gin_trgm_ops);

create or replace function app.index_contacts(ids uuid[]) returns void language sql as $$
  insert into contact_search (contact_id, names, doc)
  select c.id, app.contact_names(c.name, c.nickname, c.company),
         app.fold(concat_ws(' ', c.name, c.first_name, c.last_name, c.nickname, c.company, array_to_string(c.tags, ' '),
           (select string_agg(e.address, ' ') from contact_emails e where e.org_id = c.org_id and e.contact_id = c.id),
           (select string_agg(p.typed || ' ' || p.match_key || ' ' || regexp_replace(p.typed, '\D', '', 'g'), ' ') from contact_phones p where p.org_id = c.org_id and p.contact_id = c.id),
           (select string_agg(concat_ws(' ', a.street, a.unit, a.city, a.region, a.postal_code, a.access_notes, a.neighbourhood), ' ') from addresses a where a.org_id = c.org_id and a.contact_id = c.id and a.deleted_at is null),
           (select string_agg(t.key || ' ' || t.value, ' ') from attributes t where t.org_id = c.org_id and t.contact_id = c.id and t.state <> 'dropped'),
           (select string_agg(n.body, ' ') from notes n where n.org_id = c.org_id and n.contact_id = c.id)))
    from contacts c where c.id = any (ids)
  on conflict (org_id, contact_id) do update set doc = excluded.doc, names = excluded.names
    where (contact_search.doc, contact_search.names) is distinct from (excluded.doc, excluded.names);
$$;

-- How a word is looked for: anywhere; one or two letters, too few for trigrams, where they begin a word.
create function app.word_pattern(word text) returns text language sql immutable parallel safe as
  $$ select case when length(word) < 3 then '% ' || substr(app.like_pattern(word), 2) else app.like_pattern(word) end $$;

-- 30: the first word begins the names, 20: begins one of them, 10: is inside one; one more where the second word is there too.
create function app.contact_rank(names text, words text[]) returns int language sql immutable parallel safe as $$
  select case when starts_with(names, ' ' || words[1]) then 30 when strpos(names, ' ' || words[1]) > 0 then 20
              when length(words[1]) > 2 and strpos(names, words[1]) > 0 then 10 else 0 end
         + case when strpos(names, case when length(words[2]) < 3 then ' ' || words[2] else words[2] end) > 0 then 1 else 0 end
$$;

create or replace function app.search_contacts(org uuid, words text[], archived boolean, lim int,
                                               after_rank int default null, after_name text default null, after_id uuid default null)
returns table (contact_id uuid, rank int) language plpgsql stable security definer rows 30 set search_path = public, pg_temp as $$
declare
  few constant int := 400;
  longest text := (select w from unnest(words) w order by length(w) desc limit 1);
  patterns text[] := array(select app.like_pattern(w) from unnest(words) w);
  -- One or two letters alone begin a word: the document's, or one in it.
  first_word text := case when length(longest) < 3 then substr(app.like_pattern(longest), 2) else '%' end;
  other_word text := case when length(longest) < 3 then app.word_pattern(longest) else '%' end;
  state text;
  matches text;
  named text;
  behind text := 'true';
  found int := 0;
  ids uuid[];
begin
  if org is distinct from app.org() or cardinality(words) = 0 then return; end if;
  if (select count(*) from (select from contacts c where c.org_id = org limit few + 1) x) <= few then
    return query
      select h.id, h.score from (
        select c.id, c.name_key, app.contact_rank(s.names, words) as score
          from (select * from contact_search s where s.org_id = org offset 0) s   -- by its key
          join contacts c on c.org_id = s.org_id and c.id = s.contact_id and (c.deleted_at is not null) = archived
         where s.doc like all (patterns) and (s.doc like first_word or s.doc like other_word)) h
       where after_id is null or h.score < after_rank or (h.score = after_rank and (h.name_key, h.id) > (after_name, after_id))
       order by h.score desc, h.name_key, h.id limit lim;
    return;
  end if;

  -- Written into the statements, so that each is planned for its own words; the values are quoted.
  state := case when archived then 'c.deleted_at is not null' else 'c.deleted_at is null' end;
  matches := (select string_agg(format('s.doc like %L', p), ' and ') from unnest(patterns) p)
    || case when length(longest) < 3 then format(' and (s.doc like %L or s.doc like %L)', first_word, other_word) else '' end;
  named := format('(s.names like %L or s.names like %L)', app.word_pattern(words[1]), app.word_pattern(coalesce(words[2], words[1])));
  if after_rank is null or after_rank > 0 then
    return query execute format($q$
      select h.id, h.score from (
        select c.id, c.name_key, app.contact_rank(s.names, $2) as score
          from (select * from contact_search s where s.org_id = $1 and %s offset 0) s   -- by the index of names
          join contacts c on c.org_id = s.org_id and c.id = s.contact_id and %s
         where %s) h
       where $4::uuid is null or h.score < $5 or (h.score = $5 and (h.name_key, h.id) > ($3, $4))
       order by h.score desc, h.name_key, h.id limit $6 $q$, named, state, matches)
      using org, words, after_name, after_id, after_rank, lim;
    get diagnostics found = row_count;
    if found >= lim then return; end if;
  end if;
  if after_rank = 0 then
    behind := format('(c.name_key, c.id) > (%L, %L)', after_name, after_id);
  end if;
  -- The rest: the next few hundred by name fill the page, or the words are rare.
  execute format($q$
    select array(select c.id
                   from (select * from contacts c where c.org_id = $1 and %s and %s order by c.name_key, c.id limit $2) c
                  cross join lateral (select from contact_search s where s.org_id = c.org_id and s.contact_id = c.id and %s and not %s offset 0) s
                  order by c.name_key, c.id limit $3) $q$, state, behind, matches, named)
    into ids using org, few / 2, lim - found;
  if cardinality(ids) = lim - found then
    return query select i, 0 from unnest(ids) i;
  else
    return query execute format($q$
      select c.id, 0
        from contact_search s
       cross join lateral (select c.id, c.name_key from contacts c where c.org_id = s.org_id and c.id = s.contact_id and %s offset 0) c
       where s.org_id = $1 and %s and %s and not %s
       order by c.name_key, c.id limit $2 $q$, state, matches, behind, named)
      using org, lim - found;
  end if;
end $$;

-- What a misspelt word may mean: names that come near before anything else that does.
create or replace function app.guess_contacts(org uuid, words text[], archived boolean, lim int)
returns table (contact_id uuid, rank int) language plpgsql stable security definer rows 30 set search_path = public, pg_temp
set pg_trgm.word_similarity_threshold = 0.4 as $$
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
       where n.least >= 0.5
       order by n.score desc, c.name_key, c.id limit lim) x;
  if found then return; end if;
  return query
    select x.id, x.score from (
      select c.id, c.name_key, n.score
        from (select s.org_id, s.contact_id, s.doc from contact_search s where s.org_id = org and s.doc %> longest limit 60) s
        join contacts c on c.org_id = s.org_id and c.id = s.contact_id and (c.deleted_at is not null) = archived
       cross join lateral (select (avg(l) * 1000)::int as score, min(l) as least from (select word_similarity(w, s.doc) as l from unnest(words) w) each) n
       where n.least >= 0.4
       order by n.score desc, c.name_key, c.id limit lim) x;
end $$;

-- A contact's possible twins are looked up from either side.
create index contact_duplicates_other on contact_duplicates (org_id, other_id);
