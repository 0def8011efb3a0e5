-- Whether a real business exists: the first sign-up is open to whoever set up the instance.
-- version: 1
create or replace function app.has_business() returns boolean
language sql stable security definer
set search_path = public, pg_temp as $$
  select exists (select from orgs where not is_demo)
$$;
alter function app.has_business owner to rounds_lookup;
revoke all on function app.has_business from public;
grant execute on function app.has_business to rounds_app;
