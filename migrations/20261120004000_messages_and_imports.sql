-- The outbox. A message is rendered when it is sent, from the record as it then is; `sending` is marked before the mail server is spoken to,
-- and a crash in between leaves it in doubt, for a person to decide.
create type message_state as enum ('draft', 'queued', 'sending', 'sent', 'delivered', 'bounced', 'complained', 'failed', 'in_doubt', 'cancelled', 'expired');
create type message_kind as enum ('confirmation', 'moved', 'cancellation', 'invoice', 'receipt', 'reach_out', 'owner_notice');
create table messages (
  id uuid not null, kind message_kind not null, state message_state not null default 'queued',
  contact_id uuid, to_address text,                  -- null: the contact's first email when it is sent
  subject_kind text not null, subject_id uuid not null,
  custom_subject text, custom_body text,             -- the owner's words, with variables; null: the template of this kind
  send_at timestamptz not null default app.now(), expires_at timestamptz,
  cancel_group text,                                 -- 'ticket:<id>': a cancelled visit cancels its messages
  dedup_key text,                                    -- one act, one message a person
  rfc_message_id text not null,                      -- stable Message-ID, made with the row
  sequence int,                                      -- ICS SEQUENCE at the time of asking
  consent_basis text,                                -- marketing to someone never asked: how the sender knows it is wanted
  rendered_subject text, rendered_text text,         -- what was actually sent
  attempts int not null default 0, error text, sending_at timestamptz, sent_at timestamptz
);
select app.tenant_table('messages');
select app.refers('messages', 'contact_id', 'contacts', 'cascade');
alter table messages add constraint messages_dedup_key unique (org_id, dedup_key);
create index messages_due on messages (send_at) where state = 'queued';
create index messages_group on messages (org_id, cancel_group) where state = 'queued';
create index messages_contact on messages (org_id, contact_id, created_at desc);
create index messages_subject on messages (org_id, subject_id, created_at desc);
create index messages_stuck on messages (sending_at) where state = 'sending';
create index messages_trouble on messages (org_id, created_at) where state in ('failed', 'in_doubt', 'bounced', 'sending');
select app.let_lookup('messages');
create function app.due_messages(at timestamptz, lim int) returns table (org_id uuid, id uuid)
language sql stable security definer set search_path = public, pg_temp as
$$ select m.org_id, m.id from messages m where m.state = 'queued' and m.send_at <= at order by m.send_at limit lim $$;

-- Taken by a worker that never told how it ended: nobody knows whether the mail went out.
create function app.stuck_messages(before timestamptz) returns table (org_id uuid, id uuid)
language sql stable security definer set search_path = public, pg_temp as
$$ select m.org_id, m.id from messages m where m.state = 'sending' and m.sending_at < before $$;

create table message_templates (
  id uuid not null, kind message_kind not null, subject text not null, body text not null
);
select app.tenant_table('message_templates');
alter table message_templates add constraint message_templates_kind_key unique (org_id, kind);

-- Imports: the file is kept (redacted) with the original's hash; every row is accounted for.
create type import_state as enum ('previewed', 'queued', 'running', 'done', 'failed', 'undoing', 'undone');
create table imports (
  id uuid not null, kind text not null check (kind in ('square_customers', 'square_catalogue', 'square_transactions', 'square_items', 'square_appointments')),
  file_id uuid not null, file_name text not null, original_sha256 bytea not null,
  state import_state not null default 'previewed',
  options jsonb not null default '{}',               -- date order where the file leaves it open
  rows_total int not null default 0, rows_done int not null default 0,
  made int not null default 0, updated int not null default 0, skipped int not null default 0, refused int not null default 0,
  error text, started_at timestamptz, finished_at timestamptz
);
select app.tenant_table('imports');
select app.refers('imports', 'file_id', 'files');
create index imports_newest on imports (org_id, created_at desc);
create table import_rows (
  org_id uuid not null default app.org(), import_id uuid not null, line int not null,
  outcome text not null check (outcome in ('made', 'updated', 'skipped', 'refused')), reason text not null default '',
  record_kind text, record_id uuid,
  before jsonb,                                      -- what an updated record was, for undo
  primary key (org_id, import_id, line)
);
select app.isolate('import_rows');
alter table import_rows add constraint import_rows_import_fkey foreign key (org_id, import_id) references imports (org_id, id) on delete cascade;
grant select, insert, update, delete on import_rows to rounds_app;
select app.refers('contacts', 'import_id', 'imports');
select app.refers('tickets', 'import_id', 'imports');
select app.refers('payments', 'import_id', 'imports');
create index tickets_by_import on tickets (org_id, import_id) where import_id is not null;
create index payments_by_import on payments (org_id, import_id) where import_id is not null;

-- Undo of an import may take back tickets it made closed: the narrow way past the closed-ticket rule. Runs inside the current business only.
do $$ declare t text; begin
  foreach t in array array['tickets', 'ticket_lines', 'assignments', 'clock_entries', 'ticket_answers', 'notes', 'payments', 'attributes'] loop
    execute format('grant select, delete on %I to rounds_lookup', t);
    execute format('create policy undo_select on %I for select to rounds_lookup using (org_id = (select app.org()))', t);
    execute format('create policy undo_delete on %I for delete to rounds_lookup using (org_id = (select app.org()))', t);
  end loop;
end $$;
grant insert on audit_entries to rounds_lookup;
create policy undo_audit on audit_entries for insert to rounds_lookup with check (org_id = (select app.org()));
create function app.undo_import_tickets(of_import uuid) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare n int;
begin
  delete from payments where org_id = app.org() and import_id = of_import;
  delete from notes where org_id = app.org() and import_id = of_import;
  delete from tickets t where t.org_id = app.org() and t.import_id = of_import;
  get diagnostics n = row_count;
  return n;
end $$;
grant create on schema app to rounds_lookup;
alter function app.due_messages(timestamptz, int) owner to rounds_lookup;
alter function app.stuck_messages(timestamptz) owner to rounds_lookup;
alter function app.undo_import_tickets(uuid) owner to rounds_lookup;
revoke create on schema app from rounds_lookup;
