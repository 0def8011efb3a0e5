-- What an issued invoice says stays as it is, and it is not deleted; its state and what was paid go on. The transaction that issues it may
-- still write the rest.
-- version: 1
create or replace function app.freeze_invoice() returns trigger
language plpgsql
set search_path = public, pg_temp as $$
begin
  if tg_op = 'DELETE' then
    if old.state = 'draft' then return old; end if;
    raise exception 'invoice is issued' using errcode = 'restrict_violation', constraint = 'invoices_issued_immutable';
  end if;
  if old.state = 'draft' and new.state <> 'draft' then new.issuing_xid := pg_current_xact_id(); return new; end if;
  if old.state <> 'draft' and old.issuing_xid is distinct from pg_current_xact_id() and
     (new.number, new.contact_id, new.ticket_id, new.issue_date, new.due_date, new.currency, new.subtotal, new.discount, new.tax, new.total, new.note)
       is distinct from (old.number, old.contact_id, old.ticket_id, old.issue_date, old.due_date, old.currency, old.subtotal, old.discount, old.tax, old.total, old.note) then
    raise exception 'invoice is issued' using errcode = 'restrict_violation', constraint = 'invoices_issued_immutable';
  end if;
  if new.state = 'draft' and old.state <> 'draft' then
    raise exception 'invoice is issued' using errcode = 'restrict_violation', constraint = 'invoices_issued_immutable';
  end if;
  return new;
end
$$;
alter function app.freeze_invoice owner to rounds_owner;
revoke all on function app.freeze_invoice from public;
