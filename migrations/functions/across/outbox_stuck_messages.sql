-- Taken by a worker that never told how it ended: nobody knows whether the mail went out.
-- version: 1
create or replace function app.stuck_messages(before timestamptz) returns table (org_id uuid, id uuid)
language sql stable security definer
set search_path = public, pg_temp as $$
  select m.org_id, m.id from messages m where m.state = 'sending' and m.sending_at < before
$$;
alter function app.stuck_messages owner to rounds_lookup;
revoke all on function app.stuck_messages from public;
grant execute on function app.stuck_messages to rounds_app;
