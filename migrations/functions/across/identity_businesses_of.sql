-- User → businesses: where a person may sign in, by name. Active businesses only, and none that the person is disabled in.
-- version: 1
create or replace function app.businesses_of(of_user uuid)
returns table (org_id uuid, name text, role member_role, member_id uuid, state member_state)
language sql stable security definer
set search_path = public, pg_temp as $$
  select o.id, o.name, m.role, m.id, m.state from members m join orgs o on o.id = m.org_id and o.state = 'active'
   where m.user_id = of_user and m.state <> 'disabled' order by o.name;
$$;
alter function app.businesses_of owner to rounds_lookup;
revoke all on function app.businesses_of from public;
grant execute on function app.businesses_of to rounds_app;
