-- How a word is looked for: anywhere; one or two letters, too few for trigrams, where they begin a word.
-- version: 1
-- no search_path: a setting of its own would keep it from being inlined into the query that calls it, and it names no table
create or replace function app.word_pattern(word text) returns text
language sql immutable parallel safe as $$
  select case when length(word) < 3 then '% ' || substr(app.like_pattern(word), 2) else app.like_pattern(word) end
$$;
alter function app.word_pattern owner to rounds_owner;
revoke all on function app.word_pattern from public;
grant execute on function app.word_pattern to rounds_app, rounds_lookup;
