-- A LIKE pattern that finds the word anywhere; what LIKE would read as a wildcard is escaped.
-- version: 1
-- no search_path: a setting of its own would keep it from being inlined into the query that calls it, and it names no table
create or replace function app.like_pattern(word text) returns text
language sql immutable parallel safe as $$
  select '%' || replace(replace(replace(word, '\', '\\'), '%', '\%'), '_', '\_') || '%'
$$;
alter function app.like_pattern owner to rounds_owner;
revoke all on function app.like_pattern from public;
grant execute on function app.like_pattern to rounds_app, rounds_lookup;
