-- New rows are put on record statement by statement instead of row by row: an import or an act writes many at once, and reading each row's
-- columns was most of what it cost. What is recorded stays the same: every column that holds something, from nothing to its value.
create function app.audit_new() returns trigger language plpgsql as $$
begin
  insert into audit_entries (org_id, table_name, record_id, op, changes, salt, digest, actor, action, source, request_id, network)
  select r.org_id, tg_table_name, r.id, 'insert', r.changes, r.salt, sha256(r.salt || convert_to(coalesce(r.changes::text, ''), 'UTF8')),
         app.actor(), nullif(current_setting('app.action', true), ''), nullif(current_setting('app.source', true), ''),
         nullif(current_setting('app.request_id', true), ''), nullif(current_setting('app.network', true), '')
    -- `offset 0`: each part is made once, the salt above all.
    from (select (j ->> 'org_id')::uuid as org_id, (j ->> 'id')::uuid as id, uuid_send(gen_random_uuid()) as salt,
                 (select jsonb_object_agg(k, case when k = any (tg_argv) then '["…","…"]'::jsonb else jsonb_build_array(null, v) end)
                    from jsonb_each(j) as e(k, v)
                   where v <> 'null'::jsonb
                     and k not in ('org_id', 'id', 'created_at', 'created_by', 'updated_at', 'version', 'search_text', 'name_key')) as changes
            from (select to_jsonb(n) as j from new_rows n offset 0) t offset 0) r;
  return null;
end $$;

-- Gives a table its audit: of new rows by statement, of changed and removed ones by row.
create function app.audited(t text, variadic unlogged text[] default '{}') returns void language plpgsql as $$
declare
  arguments text := (select coalesce(string_agg(quote_literal(u), ', '), '') from unnest(unlogged) u);
begin
  execute format('create or replace trigger audit after update or delete on %I for each row execute function app.audit(%s)', t, arguments);
  execute format('create trigger audit_new after insert on %I referencing new table as new_rows for each statement execute function app.audit_new(%s)', t, arguments);
end $$;
select app.audited(c.relname, variadic case when g.tgnargs = 0 then '{}' else array_remove(string_to_array(encode(g.tgargs, 'escape'), '\000'), '') end)
  from pg_trigger g join pg_class c on c.oid = g.tgrelid
 where g.tgname = 'audit' and g.tgfoid = 'app.audit'::regproc;

-- As it was, but for the audit.
create or replace function app.tenant_table(t text, variadic unlogged text[] default '{}') returns void language plpgsql as $$
begin
  execute format('alter table %I
      add column org_id uuid not null default app.org(),
      add column created_at timestamptz not null default app.now(),
      add column created_by text not null default app.actor(),
      add column updated_at timestamptz not null default app.now(),
      add column version int not null default 1', t);
  execute format('alter table %I add constraint %I primary key (org_id, id)', t, t || '_pkey');
  if t <> 'orgs' then
    execute format('alter table %I add constraint %I foreign key (org_id) references orgs (id)', t, t || '_org_fkey');
  end if;
  perform app.isolate(t);
  execute format('create trigger touch before update on %I for each row execute function app.touch()', t);
  perform app.audited(t, variadic unlogged);
  execute format('grant select, insert, update, delete on %I to rounds_app', t);
end $$;
