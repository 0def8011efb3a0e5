-- Waiting work → business: notes that the language model is to read.
-- version: 1
create or replace function app.waiting_notes(before timestamptz) returns table (org_id uuid, id uuid)
language sql stable security definer
set search_path = public, pg_temp as $$
  select r.org_id, r.note_id from note_readings r where r.due_at < before
$$;
alter function app.waiting_notes owner to rounds_lookup;
revoke all on function app.waiting_notes from public;
grant execute on function app.waiting_notes to rounds_app;
