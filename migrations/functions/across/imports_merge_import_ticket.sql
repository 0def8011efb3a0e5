-- Two files tell of one visit (transactions and appointments, items later than transactions): the later one completes the closed ticket that the
-- earlier one made. The narrow way past the closed-ticket rule, for tickets that came by import only; lines and technicians may then be written
-- in the same transaction. Undo gives the former values back the same way. Inside the current business only.
-- version: 1
create or replace function app.merge_import_ticket(ticket uuid, patch jsonb) returns boolean
language plpgsql security definer
set search_path = public, pg_temp as $$
begin
  update tickets t
     set (starts_at, ends_at, address_id, state, instructions, total, has_open_price, cancelled_at, cancel_reason, closed_at, worked_minutes, settlement, closing_xid)
       = (select p.starts_at, p.ends_at, p.address_id, p.state, p.instructions, p.total, p.has_open_price, p.cancelled_at, p.cancel_reason, p.closed_at,
                 p.worked_minutes, p.settlement, case when p.state = 'closed' then pg_current_xact_id() end
            from jsonb_populate_record(t, patch) p)
   where t.org_id = app.org() and t.id = ticket and t.source = 'import';
  return found;
end
$$;
alter function app.merge_import_ticket owner to rounds_lookup;
revoke all on function app.merge_import_ticket from public;
grant execute on function app.merge_import_ticket to rounds_app;
