-- Seals under a key. Plain hashes let whoever can write to the database make the whole chain anew; from version 2 on a seal is an HMAC with
-- the server's key, which is not in the database, and covers by which action, by which door and in which request the change was made.
-- Seals of version 1 stay as they are and verify as before.
alter table audit_seals add column version smallint not null default 1 check (version in (1, 2));

-- Where the chain of a business ends. Without it the last seals could be taken away together with their entries, and nothing showed.
create table audit_heads (
  org_id uuid primary key,
  seq    bigint not null,
  mac    bytea not null
);
select app.isolate('audit_heads');
grant select, insert, update on audit_heads to rounds_app;
