-- Closed is closed, whoever asks. Only the narrow functions owned by rounds_lookup (undo of an import, erasure) may touch a closed ticket.
-- version: 1
create or replace function app.refuse_closed() returns trigger
language plpgsql
set search_path = public, pg_temp as $$
declare
  r jsonb := case when tg_op = 'INSERT' then to_jsonb(new) else to_jsonb(old) end;
  t uuid := case when tg_table_name = 'tickets' then (r ->> 'id')::uuid else (r ->> 'ticket_id')::uuid end;
  closed boolean;
begin
  if current_user = 'rounds_lookup' then return coalesce(new, old); end if;
  if tg_table_name = 'tickets' then
    closed := (r ->> 'state') = 'closed' and not (tg_op = 'UPDATE' and (to_jsonb(new) - array['settlement', 'version', 'updated_at']) = (r - array['settlement', 'version', 'updated_at'])
                                                 and r ->> 'settlement' is null);   -- how it was paid is recorded once, after closing
    if tg_op = 'INSERT' then closed := false; end if;
  elsif t is null then
    closed := false;
  else
    -- rows that come with their closed ticket (import, close-out) are written in the transaction that closes it
    select k.state = 'closed' and k.closing_xid is distinct from pg_current_xact_id() into closed
      from tickets k where k.org_id = (r ->> 'org_id')::uuid and k.id = t;
  end if;
  if closed then
    raise exception 'ticket is closed' using errcode = 'restrict_violation', constraint = 'tickets_closed_immutable';
  end if;
  return coalesce(new, old);
end
$$;
alter function app.refuse_closed owner to rounds_owner;
revoke all on function app.refuse_closed from public;
