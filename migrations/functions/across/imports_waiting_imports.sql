-- Waiting work → business: imports that are to run, or stopped halfway; each batch is a change of the row.
-- version: 1
create or replace function app.waiting_imports(before timestamptz) returns table (org_id uuid, id uuid)
language sql stable security definer
set search_path = public, pg_temp as $$
  select i.org_id, i.id from imports i where i.state in ('queued', 'running') and i.updated_at < before
$$;
alter function app.waiting_imports owner to rounds_lookup;
revoke all on function app.waiting_imports from public;
grant execute on function app.waiting_imports to rounds_app;
