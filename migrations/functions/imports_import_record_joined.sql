-- Whether people have worked with a record that an import made, or another import joined it: it stays then, whatever is taken back.
-- version: 1
create or replace function app.import_record_joined(of_import uuid, record uuid) returns boolean
language sql stable
set search_path = public, pg_temp as $$
  select exists (select from events e where e.subject_id = record and e.actor <> 'import')
      or exists (select from import_rows r where r.record_id = record and r.import_id <> of_import and r.outcome in ('made', 'updated'))
$$;
alter function app.import_record_joined owner to rounds_owner;
revoke all on function app.import_record_joined from public;
grant execute on function app.import_record_joined to rounds_app;
