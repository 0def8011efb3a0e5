-- What a source's id became here: importing again finds it, merging two files that tell of the same visit finds it, undo forgets it.
-- `written` holds the values as the import wrote them: a field that differs now was changed by a person.
create table import_keys (
  org_id uuid not null default app.org(), kind text not null, key text not null,
  record_kind text not null, record_id uuid not null, import_id uuid not null, written jsonb not null default '{}',
  primary key (org_id, kind, key)
);
select app.isolate('import_keys');
alter table import_keys add constraint import_keys_import_fkey foreign key (org_id, import_id) references imports (org_id, id) on delete cascade;
grant select, insert, update, delete on import_keys to rounds_app;
create index import_keys_record on import_keys (org_id, record_id);
create index import_keys_import on import_keys (org_id, import_id);
create index imports_hash on imports (org_id, original_sha256);
create index contact_duplicates_import on contact_duplicates (org_id, import_id) where import_id is not null;
create index notes_import on notes (org_id, import_id) where import_id is not null;
create index attributes_import on attributes (org_id, import_id) where import_id is not null;

create index import_rows_record on import_rows (org_id, record_id) where record_id is not null;

-- Whether people have worked with a record that an import made, or another import joined it: it stays then, whatever is taken back.
create function app.import_record_joined(of_import uuid, record uuid) returns boolean language sql stable as $$
  select exists (select from events e where e.subject_id = record and e.actor <> 'import')
      or exists (select from import_rows r where r.record_id = record and r.import_id <> of_import and r.outcome in ('made', 'updated'))
$$;
create function app.import_record_used(of_import uuid, record uuid) returns boolean language sql stable as $$
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

-- Two files tell of one visit (transactions and appointments, items later than transactions): the later one completes the closed ticket
-- that the earlier one made. The narrow way past the closed-ticket rule, for tickets that came by import only; lines and technicians may
-- then be written in the same transaction. Undo gives the former values back the same way.
do $$ declare t text; begin
  grant update on tickets to rounds_lookup;
  create policy import_update on tickets for update to rounds_lookup using (org_id = (select app.org()) and source = 'import') with check (org_id = (select app.org()));
end $$;
create function app.merge_import_ticket(ticket uuid, patch jsonb) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update tickets t
     set (starts_at, ends_at, address_id, state, instructions, total, has_open_price, cancelled_at, cancel_reason, closed_at, worked_minutes, settlement, closing_xid)
       = (select p.starts_at, p.ends_at, p.address_id, p.state, p.instructions, p.total, p.has_open_price, p.cancelled_at, p.cancel_reason, p.closed_at,
                 p.worked_minutes, p.settlement, case when p.state = 'closed' then pg_current_xact_id() end
            from jsonb_populate_record(t, patch) p)
   where t.org_id = app.org() and t.id = ticket and t.source = 'import';
  return found;
end $$;

-- Takes back tickets that an import made, closed ones too, with what hangs on them. The caller has checked that nobody works with them.
drop function app.undo_import_tickets(uuid);
create function app.undo_import_tickets(of_import uuid, ids uuid[]) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare n int;
begin
  delete from notes where org_id = app.org() and import_id is not null and ticket_id = any (ids);
  delete from tickets where org_id = app.org() and import_id = of_import and id = any (ids);
  get diagnostics n = row_count;
  return n;
end $$;
grant create on schema app to rounds_lookup;
alter function app.merge_import_ticket(uuid, jsonb) owner to rounds_lookup;
alter function app.undo_import_tickets(uuid, uuid[]) owner to rounds_lookup;
revoke create on schema app from rounds_lookup;
