-- Closed is closed, whoever asks. Only the narrow functions owned by rounds_lookup (undo of an import, erasure) may touch a closed ticket.
-- Most rows that come through here belong to an open ticket: only of a closed one is the whole row compared.
-- version: 2
create or replace function app.refuse_closed() returns trigger
language plpgsql
set search_path = public, pg_temp as $$
declare
  t uuid;
  closed boolean := false;
begin
  if current_user = 'rounds_lookup' then return coalesce(new, old); end if;
  if tg_table_name = 'tickets' then
    if tg_op = 'INSERT' or old.state <> 'closed' then return coalesce(new, old); end if;
    -- how it was paid is recorded once, after closing
    closed := tg_op <> 'UPDATE' or old.settlement is not null
              or (to_jsonb(new) - array['settlement', 'version', 'updated_at']) <> (to_jsonb(old) - array['settlement', 'version', 'updated_at']);
  else
    if tg_op = 'INSERT' then t := new.ticket_id; else t := old.ticket_id; end if;
    if t is not null then
      -- rows that come with their closed ticket (import, close-out) are written in the transaction that closes it
      closed := (select k.state = 'closed' and k.closing_xid is distinct from pg_current_xact_id()
                   from tickets k where k.org_id = coalesce(new.org_id, old.org_id) and k.id = t);
    end if;
  end if;
  if closed then
    raise exception 'ticket is closed' using errcode = 'restrict_violation', constraint = 'tickets_closed_immutable';
  end if;
  return coalesce(new, old);
end
$$;
alter function app.refuse_closed owner to rounds_owner;
revoke all on function app.refuse_closed from public;
