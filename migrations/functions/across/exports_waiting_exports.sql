-- Waiting work → business: exports whose file is not written yet.
-- version: 1
create or replace function app.waiting_exports(before timestamptz) returns table (org_id uuid, id uuid)
language sql stable security definer
set search_path = public, pg_temp as $$
  select e.org_id, e.id from exports e where e.state in ('queued', 'running') and e.created_at < before
$$;
alter function app.waiting_exports owner to rounds_lookup;
revoke all on function app.waiting_exports from public;
grant execute on function app.waiting_exports to rounds_app;
