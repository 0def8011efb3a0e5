-- Waiting work → business: imports that are to be undone, or are so halfway; each batch is a change of the row.
-- version: 1
create or replace function app.waiting_undos(before timestamptz) returns table (org_id uuid, id uuid)
language sql stable security definer
set search_path = public, pg_temp as $$
  select i.org_id, i.id from imports i where i.state = 'undoing' and i.updated_at < before
$$;
alter function app.waiting_undos owner to rounds_lookup;
revoke all on function app.waiting_undos from public;
grant execute on function app.waiting_undos to rounds_app;
