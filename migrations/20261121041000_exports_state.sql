-- Exports are made in the background: one row each says how far it is, so that a page that was left finds it again.
create type export_state as enum ('queued', 'running', 'done', 'failed');
create table exports (
  id uuid not null, kind text not null check (kind in ('contacts', 'tickets', 'invoices', 'payments')),
  state export_state not null default 'queued',
  file_id uuid,                                      -- the finished file
  file_name text not null,
  rows_total int,                                    -- null: not counted yet
  error text, finished_at timestamptz
);
select app.tenant_table('exports');
select app.refers('exports', 'file_id', 'files');
create index exports_newest on exports (org_id, created_at desc);
