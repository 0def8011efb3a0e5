-- Finding stays quick where a word is in many records: the rank is read off the beginning of the document, which is the name, instead of being
-- reckoned by similarity over every hit; and what a misspelt word may mean is looked for among the first few hundred that come near.
create or replace function app.search_contacts(org uuid, words text[], archived boolean, lim int,
                                               after_rank int default null, after_name text default null, after_id uuid default null)
returns table (contact_id uuid, rank int) language sql stable security definer set search_path = public, pg_temp as $$
  with hits as (
    select c.id, c.name_key,
           case when starts_with(s.doc, words[1]) then 30 when strpos(left(s.doc, 80), ' ' || words[1]) > 0 then 20
                when strpos(left(s.doc, 80), words[1]) > 0 then 10 else 0 end
           + case when cardinality(words) > 1 and strpos(left(s.doc, 80), words[2]) > 0 then 1 else 0 end as score
      from contact_search s join contacts c on c.org_id = s.org_id and c.id = s.contact_id and (c.deleted_at is not null) = archived
     where s.org_id = org and org = (select app.org())
       -- The index's condition. One or two letters are too few for it, unless they begin a word.
       and (s.doc like (select case when length(w) < 3 then substr(app.like_pattern(w), 2) else app.like_pattern(w) end from unnest(words) w order by length(w) desc limit 1)
            or s.doc like (select case when length(w) < 3 then '% ' || substr(app.like_pattern(w), 2) else app.like_pattern(w) end from unnest(words) w order by length(w) desc limit 1))
       and s.doc like all (array(select app.like_pattern(w) from unnest(words) w))
  )
  select h.id, h.score from hits h
   where after_id is null or h.score < after_rank or (h.score = after_rank and (h.name_key, h.id) > (after_name, after_id))
   order by h.score desc, h.name_key, h.id
   limit lim;
$$;

create or replace function app.guess_contacts(org uuid, words text[], archived boolean, lim int)
returns table (contact_id uuid, rank int) language sql stable security definer set search_path = public, pg_temp
set pg_trgm.word_similarity_threshold = 0.4 as $$
  with near as (
    select s.org_id, s.contact_id, s.doc
      from contact_search s
     where s.org_id = org and org = (select app.org())
       and s.doc %> (select w from unnest(words) w order by length(w) desc limit 1) and s.doc %> all (words)
     limit 300
  )
  select c.id, ((select avg(word_similarity(w, n.doc)) from unnest(words) w) * 1000)::int as score
    from near n join contacts c on c.org_id = n.org_id and c.id = n.contact_id and (c.deleted_at is not null) = archived
   order by 2 desc, c.name_key, c.id
   limit lim;
$$;
