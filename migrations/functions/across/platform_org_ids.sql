-- Every active business, for work that has no other cause: sweeps, and checks of a whole deployment.
-- version: 1
create or replace function app.org_ids() returns setof uuid
language sql stable security definer
set search_path = public, pg_temp as $$
  select id from orgs where state = 'active'
$$;
alter function app.org_ids owner to rounds_lookup;
revoke all on function app.org_ids from public;
grant execute on function app.org_ids to rounds_app;
