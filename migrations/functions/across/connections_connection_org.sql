-- Webhook address → business: the provider calls without a session.
-- version: 1
create or replace function app.connection_org(connection uuid) returns uuid
language sql stable security definer
set search_path = public, pg_temp as $$
  select org_id from connections where id = connection
$$;
alter function app.connection_org owner to rounds_lookup;
revoke all on function app.connection_org from public;
grant execute on function app.connection_org to rounds_app;
