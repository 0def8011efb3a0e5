-- Takes back tickets that an import made, closed ones too, with what hangs on them. The caller has checked that nobody works with them. Inside
-- the current business only.
-- version: 1
create or replace function app.undo_import_tickets(of_import uuid, ids uuid[]) returns int
language plpgsql security definer
set search_path = public, pg_temp as $$
declare n int;
begin
  delete from notes where org_id = app.org() and import_id is not null and ticket_id = any (ids);
  delete from tickets where org_id = app.org() and import_id = of_import and id = any (ids);
  get diagnostics n = row_count;
  return n;
end
$$;
alter function app.undo_import_tickets owner to rounds_lookup;
revoke all on function app.undo_import_tickets from public;
grant execute on function app.undo_import_tickets to rounds_app;
