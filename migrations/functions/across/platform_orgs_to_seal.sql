-- Due work → business: those with audit entries since the sealer's last round.
-- version: 1
create or replace function app.orgs_to_seal(since xid8) returns setof uuid
language sql stable security definer
set search_path = public, pg_temp as $$
  select distinct org_id from audit_entries where xid >= since
$$;
alter function app.orgs_to_seal owner to rounds_lookup;
revoke all on function app.orgs_to_seal from public;
grant execute on function app.orgs_to_seal to rounds_app;
