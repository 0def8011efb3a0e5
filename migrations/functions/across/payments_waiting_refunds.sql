-- Waiting work → business: refunds that the provider was not asked for, or did not answer. Not those of yesterday and before: the provider
-- knows a repeated request by its idempotency key for a day.
-- version: 1
create or replace function app.waiting_refunds(before timestamptz) returns table (org_id uuid, id uuid)
language sql stable security definer
set search_path = public, pg_temp as $$
  select r.org_id, r.id from refunds r
   where r.state = 'pending' and r.provider_refund_id is null and r.created_at < before and r.created_at > before - interval '23 hours'
$$;
alter function app.waiting_refunds owner to rounds_lookup;
revoke all on function app.waiting_refunds from public;
grant execute on function app.waiting_refunds to rounds_app;
