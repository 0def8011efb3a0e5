-- Waiting work → business: members whose invitation has not been mailed yet.
-- version: 1
create or replace function app.waiting_invitations(before timestamptz) returns table (org_id uuid, id uuid)
language sql stable security definer
set search_path = public, pg_temp as $$
  select m.org_id, m.id from members m where m.state = 'invited' and m.invitation_due_at < before
$$;
alter function app.waiting_invitations owner to rounds_lookup;
revoke all on function app.waiting_invitations from public;
grant execute on function app.waiting_invitations to rounds_app;
