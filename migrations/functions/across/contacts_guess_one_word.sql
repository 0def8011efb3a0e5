-- One word of several is wrong: those whom all the others find, the nearest to it first. Looked for only where nothing else was found.
-- version: 1
create or replace function app.guess_one_word(org uuid, words text[], archived boolean, lim int, near real) returns table (contact_id uuid, rank int)
language plpgsql stable security definer rows 30
set search_path = public, pg_temp as $$
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
end
$$;
alter function app.guess_one_word owner to rounds_lookup;
revoke all on function app.guess_one_word from public;
grant execute on function app.guess_one_word to rounds_app;
