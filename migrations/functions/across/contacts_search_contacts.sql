-- Text search inside one given business, refused for any but the current one: under RLS only leakproof operators become index conditions.
-- Words are folded; every one must occur; words of a phone number are given as their digits. Ordered by rank, name and id, from behind the place
-- given, so that a page stays where it is when somebody is added.
--
-- A business of a few hundred customers is read through by name: no index over all businesses' documents is touched. In a larger one the
-- customers whose name holds a word come first, from an index of names alone; then the next few hundred by name are looked at, which fills
-- the page where a word is frequent ("gate code"); only what is rarer than that is looked up in the index of documents.
-- version: 2
create or replace function app.search_contacts(org uuid, words text[], archived boolean, lim int, after_rank int default null, after_name text default null, after_id uuid default null)
returns table (contact_id uuid, rank int)
language plpgsql stable security definer rows 30
set search_path = public, pg_temp as $$
declare
  few constant int := 400;
  longest text := (select w from unnest(words) w order by length(w) desc limit 1);
  patterns text[] := array(select app.like_pattern(w) from unnest(words) w);
  -- One or two letters alone begin a word: the document's, or one in it.
  first_word text := case when length(longest) < 3 then substr(app.like_pattern(longest), 2) else '%' end;
  other_word text := case when length(longest) < 3 then app.word_pattern(longest) else '%' end;
  name_patterns text[] := array[app.word_pattern(words[1]), app.word_pattern(words[2])];
  score int;
  bound boolean;
  more int;
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

  -- The customers whose name holds a word, from the index of names, by rank. Many of one rank are not looked up one by one only to be sorted: the
  -- index of names in their order is read until it has shown enough of them.
  if after_rank is null or after_rank > 0 then
    for score, ids in
      select app.contact_rank(s.names, words) as n, array_agg(s.contact_id) from contact_search s
       where s.org_id = org and (s.names like name_patterns[1] or s.names like name_patterns[2])
         -- A single word that a name holds is in the document too.
         and (words[2] is null or (s.doc like all (patterns) and (s.doc like first_word or s.doc like other_word)))
       group by n order by n desc
    loop
      continue when score > after_rank;
      bound := (score = after_rank);
      if cardinality(ids) > few and not archived then
        return query
          select w.id, score from (
            select c.id from contacts c
             where c.org_id = org and c.deleted_at is null
               and (c.name_key, c.id) > (case when bound then after_name else '' end, case when bound then after_id else '00000000-0000-0000-0000-000000000000' end)
             order by c.name_key, c.id offset 0) w
           where (w.id in (select unnest(ids))) is true limit lim - found;
      else
        return query
          select c.id, score from unnest(ids) i join contacts c on c.org_id = org and c.id = i and (c.deleted_at is not null) = archived
           where not coalesce(bound, false) or (c.name_key, c.id) > (after_name, after_id)
           order by c.name_key, c.id limit lim - found;
      end if;
      get diagnostics more = row_count;
      found := found + more;
      if found >= lim then return; end if;
    end loop;
  end if;

  -- Written into the statements, so that each is planned for its own words; the values are quoted.
  state := case when archived then 'c.deleted_at is not null' else 'c.deleted_at is null' end;
  matches := (select string_agg(format('s.doc like %L', p), ' and ') from unnest(patterns) p)
    || case when length(longest) < 3 then format(' and (s.doc like %L or s.doc like %L)', first_word, other_word) else '' end;
  named := format('(s.names like %L or s.names like %L)', name_patterns[1], coalesce(name_patterns[2], name_patterns[1]));
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
end
$$;
alter function app.search_contacts owner to rounds_lookup;
revoke all on function app.search_contacts from public;
grant execute on function app.search_contacts to rounds_app;
