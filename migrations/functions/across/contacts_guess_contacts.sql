-- What a misspelt word may mean: names that come near before anything else that does. Inside the current business, as app.search_contacts.
-- version: 1
create or replace function app.guess_contacts(org uuid, words text[], archived boolean, lim int) returns table (contact_id uuid, rank int)
language plpgsql stable security definer rows 30
set search_path = public, pg_temp
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
end
$$;
alter function app.guess_contacts owner to rounds_lookup;
revoke all on function app.guess_contacts from public;
grant execute on function app.guess_contacts to rounds_app;
