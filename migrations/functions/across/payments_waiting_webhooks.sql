-- Waiting work → business: the provider's events that are not worked off yet.
-- version: 1
create or replace function app.waiting_webhooks(before timestamptz) returns table (org_id uuid, id uuid)
language sql stable security definer
set search_path = public, pg_temp as $$
  select w.org_id, w.id from webhook_events w where w.state = 'received' and w.updated_at < before
$$;
alter function app.waiting_webhooks owner to rounds_lookup;
revoke all on function app.waiting_webhooks from public;
grant execute on function app.waiting_webhooks to rounds_app;
