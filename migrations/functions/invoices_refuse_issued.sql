-- Lines and taxes of an issued invoice stay as they are; the transaction that issues it may still write them.
-- version: 1
create or replace function app.refuse_issued() returns trigger
language plpgsql
set search_path = public, pg_temp as $$
declare s invoice_state; x xid8;
begin
  select state, issuing_xid into s, x from invoices where org_id = coalesce(new.org_id, old.org_id) and id = coalesce(new.invoice_id, old.invoice_id);
  if s is not null and s <> 'draft' and x is distinct from pg_current_xact_id() then
    raise exception 'invoice is issued' using errcode = 'restrict_violation', constraint = 'invoices_issued_immutable';
  end if;
  return coalesce(new, old);
end
$$;
alter function app.refuse_issued owner to rounds_owner;
revoke all on function app.refuse_issued from public;
