-- What waits for a background job must be found without the queue: a job may be lost, the row still says that its work is to be done. A sweeper
-- asks for rows that have been waiting for a while (`functions/across/*_waiting_*.sql`) and queues those without a job.

-- An invitation's mail was asked for and has not gone out since then. It changes nothing that a form shows, so nobody's form grows stale when the
-- mail has gone out. The name of the trigger sorts after `touch`, which counts the version up.
alter table members add column invitation_due_at timestamptz;
create trigger touch_invited before update on members for each row
  when (old.invitation_due_at is not null and new.invitation_due_at is null) execute function app.keep_version();

-- A note that the language model is to read. Not on the note itself: that of a closed visit can't change any more. It is nobody's record, so it
-- has no audit trail.
create table note_readings (
  org_id uuid not null default app.org(), note_id uuid not null, due_at timestamptz not null default app.now(),
  primary key (org_id, note_id)
);
comment on table note_readings is 'customers/contacts';
select app.isolate('note_readings');
alter table note_readings add constraint note_readings_note_fkey foreign key (org_id, note_id) references notes (org_id, id) on delete cascade;
grant select, insert, update, delete on note_readings to rounds_app;

-- The lookup role sees the rows that wait, and of them what the sweeper needs.
create policy waiting on note_readings for select to rounds_lookup using (true);
grant select on note_readings to rounds_lookup;
create policy waiting on exports for select to rounds_lookup using (state in ('queued', 'running'));
grant select (org_id, id, state, created_at) on exports to rounds_lookup;
create policy waiting on imports for select to rounds_lookup using (state in ('queued', 'running', 'undoing'));
grant select (org_id, id, state, updated_at) on imports to rounds_lookup;
create policy waiting on closeouts for select to rounds_lookup using (model_state = 'asked' and state in ('open', 'reviewed'));
grant select (org_id, id, state, model_state, updated_at) on closeouts to rounds_lookup;
create policy waiting on refunds for select to rounds_lookup using (state = 'pending');
grant select (org_id, id, state, provider_refund_id, created_at) on refunds to rounds_lookup;
create policy waiting on webhook_events for select to rounds_lookup using (state = 'received');
grant select (org_id, id, state, updated_at) on webhook_events to rounds_lookup;

-- Each holds only what waits, which is little.
create index members_invitation_due on members (invitation_due_at) where invitation_due_at is not null;
create index note_readings_due on note_readings (due_at);
create index exports_waiting on exports (created_at) where state in ('queued', 'running');
create index imports_waiting on imports (updated_at) where state in ('queued', 'running', 'undoing');
create index closeouts_waiting on closeouts (updated_at) where model_state = 'asked' and state in ('open', 'reviewed');
create index refunds_waiting on refunds (created_at) where state = 'pending';
create index webhook_events_waiting on webhook_events (updated_at) where state = 'received';
