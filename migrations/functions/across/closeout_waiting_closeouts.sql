-- Waiting work → business: close-outs whose notes the language model is to read, while its reading is still of use.
-- version: 1
create or replace function app.waiting_closeouts(before timestamptz) returns table (org_id uuid, id uuid)
language sql stable security definer
set search_path = public, pg_temp as $$
  select c.org_id, c.id from closeouts c where c.model_state = 'asked' and c.state in ('open', 'reviewed') and c.updated_at < before
$$;
alter function app.waiting_closeouts owner to rounds_lookup;
revoke all on function app.waiting_closeouts from public;
grant execute on function app.waiting_closeouts to rounds_app;
