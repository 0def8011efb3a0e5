-- Due work → business: what waits in the outboxes and may go out, the longest due first.
-- version: 1
create or replace function app.due_messages(at timestamptz, lim int) returns table (org_id uuid, id uuid)
language sql stable security definer
set search_path = public, pg_temp as $$
  select m.org_id, m.id from messages m where m.state = 'queued' and m.send_at <= at order by m.send_at limit lim
$$;
alter function app.due_messages owner to rounds_lookup;
revoke all on function app.due_messages from public;
grant execute on function app.due_messages to rounds_app;
