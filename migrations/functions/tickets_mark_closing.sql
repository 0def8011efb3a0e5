-- Notes the transaction that closes a ticket: what comes with the closing (lines, clock, notes) may still be written in it, and in no other.
-- version: 1
create or replace function app.mark_closing() returns trigger
language plpgsql
set search_path = public, pg_temp as $$
begin
  if new.state = 'closed' and (tg_op = 'INSERT' or old.state <> 'closed') then new.closing_xid := pg_current_xact_id(); end if;
  return new;
end
$$;
alter function app.mark_closing owner to rounds_owner;
revoke all on function app.mark_closing from public;
