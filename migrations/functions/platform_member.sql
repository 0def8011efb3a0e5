-- Which member is asking, as app.enter_*() set it; null for a link, a job and nobody. Stands beside app.org(), which tables need; no table needs this one.
-- version: 1
-- no search_path: a setting of its own would keep it from being inlined into the query that calls it, and it names no table
create or replace function app.member() returns uuid
language sql stable parallel safe as $$
  select nullif(current_setting('app.member_id', true), '')::uuid
$$;
alter function app.member owner to rounds_owner;
revoke all on function app.member from public;
grant execute on function app.member to rounds_app;
