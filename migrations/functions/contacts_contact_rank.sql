-- How well names fit the words. 30: the first word begins the names, 20: begins one of them, 10: is inside one; one more where the second word
-- is there too.
-- version: 1
-- no search_path: a setting of its own would keep it from being inlined into the query that calls it, and it names no table
create or replace function app.contact_rank(names text, words text[]) returns int
language sql immutable parallel safe as $$
  select case when starts_with(names, ' ' || words[1]) then 30 when strpos(names, ' ' || words[1]) > 0 then 20
              when length(words[1]) > 2 and strpos(names, words[1]) > 0 then 10 else 0 end
         + case when strpos(names, case when length(words[2]) < 3 then ' ' || words[2] else words[2] end) > 0 then 1 else 0 end
$$;
alter function app.contact_rank owner to rounds_owner;
revoke all on function app.contact_rank from public;
grant execute on function app.contact_rank to rounds_app, rounds_lookup;
