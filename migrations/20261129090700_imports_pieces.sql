-- A large file lies in rows of one megabyte each: the first piece in files.bytes, the others here, so that no statement carries the whole.
create table file_pieces (
  org_id uuid not null default app.org(), file_id uuid not null, position int not null,
  bytes bytea not null check (octet_length(bytes) <= 1048576),
  primary key (org_id, file_id, position)
);
comment on table file_pieces is 'office/files';
select app.isolate('file_pieces');
select app.refers('file_pieces', 'file_id', 'files', 'cascade');
grant select, insert, delete on file_pieces to rounds_app;

-- What a row of an import holds beside what was taken.
alter table import_rows add column extra jsonb;

-- Taking an import back deletes notes and tickets by the thousand; each looks for what refers to it.
create index attributes_note on attributes (org_id, note_id) where note_id is not null;
create index attributes_ticket on attributes (org_id, ticket_id) where ticket_id is not null;
create index payments_ticket on payments (org_id, ticket_id) where ticket_id is not null;
