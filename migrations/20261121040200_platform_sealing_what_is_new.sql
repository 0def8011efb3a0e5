-- The sealer looks at what came since its last round, in the businesses it came to: it went through every entry of every business each minute.
-- `xid` is where the last complete round stood; everything before it is sealed.
create table seal_progress (
  id  int primary key check (id = 1),
  xid xid8 not null
);
insert into seal_progress values (1, '0');
grant select, update on seal_progress to rounds_app;
grant select on seal_progress to rounds_backup, rounds_lookup;

drop index audit_entries_xid;
create index audit_entries_xid on audit_entries (org_id, xid, id);
create index audit_entries_new on audit_entries (xid, org_id);
select app.let_lookup('audit_entries');

-- Due work → business: those with entries since then.
create function app.orgs_to_seal(since xid8) returns setof uuid
language sql stable security definer set search_path = public, pg_temp as
$$ select distinct org_id from audit_entries where xid >= since $$;
grant create on schema app to rounds_lookup;
alter function app.orgs_to_seal(xid8) owner to rounds_lookup;
revoke create on schema app from rounds_lookup;
