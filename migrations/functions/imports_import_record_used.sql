-- Whether anything but the import that made a record hangs on it: taking the import back leaves it then.
-- version: 1
create or replace function app.import_record_used(of_import uuid, record uuid) returns boolean
language sql stable
set search_path = public, pg_temp as $$
  select app.import_record_joined(of_import, record)
      or exists (select from events e where e.contact_id = record and e.actor <> 'import')
      or exists (select from invoices i where i.contact_id = record)
      or exists (select from invoices i where i.ticket_id = record)
      or exists (select from tickets t where t.contact_id = record and (t.import_id is distinct from of_import or app.import_record_joined(of_import, t.id)))
      or exists (select from payments p where p.contact_id = record and p.import_id is distinct from of_import)
      or exists (select from messages m where m.contact_id = record)
      or exists (select from ticket_lines l where l.service_id = record)
      or exists (select from services s where s.tax_rate_id = record)
$$;
alter function app.import_record_used owner to rounds_owner;
revoke all on function app.import_record_used from public;
grant execute on function app.import_record_used to rounds_app;
