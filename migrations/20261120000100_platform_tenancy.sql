-- The ground every tenant table stands on.
--
-- Roles are made by `rounds migrate` before this runs: rounds_owner owns the tables, rounds_app serves requests,
-- rounds_lookup (NOLOGIN) owns the few functions that look across businesses, rounds_backup may read everything.
-- Where a database is made by hand (compile-time checks of queries) the roles are made here instead.
do $$
declare r text;
begin
  foreach r in array array['rounds_owner', 'rounds_app', 'rounds_lookup', 'rounds_backup'] loop
    if not exists (select from pg_roles where rolname = r) then
      execute format('create role %I nologin', r);
    end if;
  end loop;
end $$;

create extension if not exists pg_trgm;
create extension if not exists btree_gin;
create extension if not exists btree_gist;

create schema app;
grant usage on schema app, public to rounds_app, rounds_lookup, rounds_backup;

-- Who is asking, as set locally to the transaction by app.enter_*(). A reused connection holds '' rather than null.
create function app.org() returns uuid language sql stable parallel safe as
  $$ select nullif(current_setting('app.org_id', true), '')::uuid $$;
create function app.member() returns uuid language sql stable parallel safe as
  $$ select nullif(current_setting('app.member_id', true), '')::uuid $$;
-- 'member:<uuid>', 'link:<uuid>', 'job', 'import', 'system'; models are 'model:<member uuid>'.
create function app.actor() returns text language sql stable parallel safe as
  $$ select coalesce(nullif(current_setting('app.actor', true), ''), 'system') $$;
-- The injected clock; the database's own where nobody set it (psql, bench data).
create function app.now() returns timestamptz language sql stable parallel safe as
  $$ select coalesce(nullif(current_setting('app.now', true), '')::timestamptz, now()) $$;

-- Audit: which columns changed, from what to what. Written by one trigger, append-only by grant. `digest` covers the salted values,
-- so that values (and salt) can be erased later and the sealed chain still verifies.
create table audit_entries (
  org_id      uuid not null,
  id          bigint generated always as identity,
  at          timestamptz not null default app.now(),
  xid         xid8 not null default pg_current_xact_id(),   -- the sealer stops at the oldest running transaction
  table_name  text not null,
  record_id   uuid not null,
  op          text not null check (op in ('insert', 'update', 'delete')),
  changes     jsonb,                                        -- {column: [old, new]}
  salt        bytea,
  digest      bytea not null,
  actor       text not null,
  action      text,                                         -- 'ticket.close'
  source      text,                                         -- page, api, model, link, import, job
  request_id  text,
  network     text,                                         -- address the request came from
  primary key (org_id, id)
);
create index audit_entries_record on audit_entries (org_id, record_id, id);
create index audit_entries_xid on audit_entries (org_id, xid);

-- The chain: one seal an entry, in the order the sealer took them. hash = sha256(previous hash || what identifies the entry || digest).
create table audit_seals (
  org_id   uuid not null,
  seq      bigint not null,
  entry_id bigint not null,
  hash     bytea not null,
  sealed_at timestamptz not null default app.now(),
  primary key (org_id, seq),
  unique (org_id, entry_id)
);

-- Columns that say nothing to a reader, or hold bulk, are left out of audit values (a changed one is named, its value is not kept).
create function app.audit() returns trigger language plpgsql as $$
declare
  o jsonb := case when tg_op = 'INSERT' then '{}'::jsonb else to_jsonb(old) end;
  n jsonb := case when tg_op = 'DELETE' then '{}'::jsonb else to_jsonb(new) end;
  c jsonb;
  s bytea := uuid_send(gen_random_uuid());
  t bigint;
begin
  select jsonb_object_agg(k, case when k = any (tg_argv) then '["…","…"]'::jsonb
           else jsonb_build_array(o -> k, n -> k) end)
    into c
    from jsonb_object_keys(o || n) k
   where k not in ('org_id', 'id', 'created_at', 'created_by', 'updated_at', 'version', 'search_text', 'name_key')
     and (o -> k) is distinct from (n -> k)
     and not (coalesce(o -> k, 'null'::jsonb) = 'null'::jsonb and coalesce(n -> k, 'null'::jsonb) = 'null'::jsonb);
  if c is null and tg_op = 'UPDATE' then return null; end if;
  insert into audit_entries (org_id, table_name, record_id, op, changes, salt, digest, actor, action, source, request_id, network)
  values (coalesce((n ->> 'org_id'), (o ->> 'org_id'))::uuid, tg_table_name, coalesce(n ->> 'id', o ->> 'id')::uuid, lower(tg_op), c, s,
          sha256(s || convert_to(coalesce(c::text, ''), 'UTF8')), app.actor(),
          nullif(current_setting('app.action', true), ''), nullif(current_setting('app.source', true), ''),
          nullif(current_setting('app.request_id', true), ''), nullif(current_setting('app.network', true), ''));
  return null;
end $$;

create function app.touch() returns trigger language plpgsql as $$
begin
  new.version := old.version + 1;
  new.updated_at := app.now();
  return new;
end $$;

-- What every tenant table has. Called right after `create table t (id uuid not null, …)`: adds the business, the key (org_id, id),
-- who and when, the version, forced row-level security, the audit trigger and the app's grants.
-- `unlogged` names columns whose values are not kept in the audit trail (bytes, secrets, long payloads).
create function app.tenant_table(t text, variadic unlogged text[] default '{}') returns void language plpgsql as $$
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
  execute format('create trigger audit after insert or update or delete on %I for each row execute function app.audit(%s)', t,
    (select coalesce(string_agg(quote_literal(u), ', '), '') from unnest(unlogged) u));
  execute format('grant select, insert, update, delete on %I to rounds_app', t);
end $$;

-- Forced RLS: the policy's right side is evaluated once a statement, not once a row.
create function app.isolate(t text) returns void language plpgsql as $$
begin
  execute format('alter table %I enable row level security', t);
  execute format('alter table %I force row level security', t);
  execute format('create policy tenant on %I to rounds_app using (org_id = (select app.org())) with check (org_id = (select app.org()))', t);
  execute format('grant select on %I to rounds_backup', t);
end $$;

-- A reference that can't leave the business: foreign-key checks bypass RLS, so plain ones could.
create function app.refers(t text, col text, target text, on_delete text default 'no action') returns void language plpgsql as $$
begin
  execute format('alter table %I add constraint %I foreign key (org_id, %I) references %I (org_id, id) on delete %s',
    t, t || '_' || col || '_fkey', col, target, on_delete);
end $$;

-- A table that rounds_lookup may read across businesses; only the functions it owns make use of it.
create function app.let_lookup(t text) returns void language plpgsql as $$
begin
  execute format('grant select on %I to rounds_lookup', t);
  execute format('create policy lookup on %I for select to rounds_lookup using (true)', t);
end $$;

select app.isolate('audit_entries');
select app.isolate('audit_seals');
grant select, insert on audit_entries, audit_seals to rounds_app;

-- Businesses. Tenants of themselves: org_id = id.
create type org_state as enum ('active', 'closed');
create table orgs (
  id                uuid not null unique,
  name              text not null check (name <> '' and length(name) <= 120),
  state             org_state not null default 'active',
  time_zone         text not null,                       -- IANA; working hours and series live in it
  currency          text not null check (currency ~ '^[A-Z]{3}$'),
  country           text not null default 'US' check (country ~ '^[A-Z]{2}$'),   -- default region of phone numbers
  profile           text not null default 'field_service',
  capabilities_off  text[] not null default '{}',        -- what the owner switched off
  email             text,                                -- From and Reply-To name and address of what customers get
  reply_to          text,
  phone             text,
  street            text, city text, region text, postal_code text,
  tax_id            text,
  website           text,
  logo_file_id      uuid,
  payment_terms_days int not null default 14 check (payment_terms_days between 0 and 365),
  invoice_prefix    text not null default 'INV-' check (length(invoice_prefix) <= 12),
  invoice_notes     text,
  day_starts        time not null default '08:00',
  day_ends          time not null default '18:00',
  work_days         int[] not null default '{1,2,3,4,5}',   -- ISO weekdays
  staff_see_prices  boolean not null default true,
  staff_see_all_tickets boolean not null default true,
  checklist_skipped text[] not null default '{}',           -- steps of the first-day checklist put aside
  is_demo           boolean not null default false,
  constraint orgs_day_check check (day_ends > day_starts)
);
select app.tenant_table('orgs');
alter table orgs add constraint orgs_self_check check (org_id = id);

-- People are global: one may belong to several businesses. Only the platform's identity module touches these four tables.
create table users (
  id         uuid primary key,
  email      text not null check (email = lower(email)),
  name       text not null default '',
  created_at timestamptz not null default app.now(),
  constraint users_email_key unique (email)
);
create table sessions (
  id           uuid primary key,
  user_id      uuid not null references users (id) on delete cascade,
  token_hash   bytea not null unique,
  org_id       uuid,                                -- the current business
  created_at   timestamptz not null default app.now(),
  last_seen_at timestamptz not null default app.now(),
  expires_at   timestamptz not null,
  revoked_at   timestamptz,
  user_agent   text not null default '',
  network      text not null default ''
);
create index sessions_user on sessions (user_id);
-- One-time sign-in: a link token and a six-digit code for the same request; fifteen minutes, single use.
create table sign_ins (
  id          uuid primary key,
  email       text not null,
  token_hash  bytea not null unique,
  code_hash   bytea not null,
  browser_hash bytea,                               -- the code is only good in the browser that asked for it
  attempts    int not null default 0,
  created_at  timestamptz not null default app.now(),
  expires_at  timestamptz not null,
  used_at     timestamptz,
  next_path   text,
  sign_up     jsonb                                -- the business to make once the address is proven
);
create index sign_ins_browser on sign_ins (browser_hash, created_at) where browser_hash is not null;
create index sign_ins_age on sign_ins (created_at);
-- Fixed-window counters shared by all instances; keys are hashes of address or network.
create table rate_limits (
  key        text not null,
  window_start timestamptz not null,
  hits       int not null default 1,
  primary key (key, window_start)
);
grant select, insert, update, delete on users, sessions, sign_ins, rate_limits to rounds_app;
grant select on users, sessions to rounds_lookup;
grant select on users, sessions, sign_ins, rate_limits to rounds_backup;

create type member_role as enum ('owner', 'admin', 'staff', 'agent', 'viewer');
create type member_state as enum ('invited', 'active', 'disabled');
create table members (
  id          uuid not null,
  user_id     uuid not null references users (id),
  role        member_role not null,
  state       member_state not null default 'invited',
  name        text not null check (name <> '' and length(name) <= 120),
  email       text not null,
  phone       text,
  color       int not null default 0 check (color between 0 and 7),    -- which of the calendar's colours
  is_technician boolean not null default false,
  may_send    boolean not null default false,                          -- an agent's delegated right
  is_model    boolean not null default false,
  invited_at  timestamptz, joined_at timestamptz
);
select app.tenant_table('members');
alter table members add constraint members_user_key unique (org_id, user_id);
create index members_by_user on members (user_id);
select app.let_lookup('members');
select app.let_lookup('orgs');

create table api_tokens (
  id           uuid not null,
  member_id    uuid not null,
  name         text not null check (name <> '' and length(name) <= 80),
  token_hash   bytea not null unique,
  last_used_at timestamptz,
  revoked_at   timestamptz
);
select app.tenant_table('api_tokens', 'token_hash');
select app.refers('api_tokens', 'member_id', 'members');
select app.let_lookup('api_tokens');

-- A public link opens one record to a customer. The token is HMAC(server key, id), so it can be shown again; only its hash is kept.
create type link_kind as enum ('confirm', 'invoice', 'unsubscribe');
create table links (
  id          uuid not null,
  kind        link_kind not null,
  subject_id  uuid not null,                       -- ticket, invoice or contact, by kind
  token_hash  bytea not null unique,
  revoked_at  timestamptz,
  last_opened_at timestamptz
);
select app.tenant_table('links', 'token_hash');
create index links_subject on links (org_id, subject_id, kind);
select app.let_lookup('links');

-- First row of the action's own transaction: a twin waits on the unique key, then gets the first one's answer.
create table idempotency_keys (
  org_id       uuid not null default app.org(),
  actor        text not null,
  key          text not null check (length(key) between 1 and 255),
  action       text not null,
  request_hash bytea not null,
  response     jsonb,
  created_at   timestamptz not null default app.now(),
  primary key (org_id, actor, key)
);
select app.isolate('idempotency_keys');
grant select, insert, update, delete on idempotency_keys to rounds_app;
create index idempotency_keys_age on idempotency_keys (org_id, created_at);

-- What happened, in business words. Followed by cursor: (xid, id), never past the oldest transaction still running.
create table events (
  org_id      uuid not null default app.org(),
  id          bigint generated always as identity,
  xid         xid8 not null default pg_current_xact_id(),
  at          timestamptz not null default app.now(),
  name        text not null,                       -- 'invoice.sent'
  subject_kind text not null,
  subject_id  uuid not null,
  contact_id  uuid,                                -- whose timeline it belongs to
  actor       text not null default app.actor(),
  role        text,
  profile     text,
  source      text,
  request_id  text,
  session_id  uuid,
  payload     jsonb not null default '{}',         -- carries "v": 1
  primary key (org_id, id)
);
select app.isolate('events');
grant select, insert on events to rounds_app;
create index events_subject on events (org_id, subject_id, id);
create index events_contact on events (org_id, contact_id, id) where contact_id is not null;
create index events_cursor on events (org_id, xid, id);

-- Numbers without gaps: one row a business and kind, locked by the action that takes the next one, last before commit.
create table counters (
  org_id uuid not null default app.org(),
  kind   text not null check (kind in ('ticket', 'invoice')),
  last   bigint not null default 0,
  primary key (org_id, kind)
);
select app.isolate('counters');
grant select, insert, update on counters to rounds_app;

-- Bytes that belong to a record: logo, stored PDF, raw import. In the database, so that a backup is whole and a commit is atomic.
create table files (
  id        uuid not null,
  kind      text not null check (kind in ('logo', 'invoice_pdf', 'import', 'export')),
  name      text not null,
  mime      text not null,
  size      bigint not null,
  sha256    bytea not null,
  bytes     bytea not null check (octet_length(bytes) <= 26214400)
);
select app.tenant_table('files', 'bytes', 'sha256');
alter table orgs add constraint orgs_logo_file_fkey foreign key (org_id, logo_file_id) references files (org_id, id);

-- What wants a person: wants another time, failed send, overpayment, dispute, unreadable webhook, half-known outcome.
create table notices (
  id          uuid not null,
  kind        text not null,
  subject_kind text not null,
  subject_id  uuid not null,
  body        text not null,
  dedup_key   text,                                  -- the same trouble is told once
  resolved_at timestamptz,
  resolved_by text
);
select app.tenant_table('notices');
alter table notices add constraint notices_dedup_key unique (org_id, dedup_key);
create index notices_open on notices (org_id, created_at) where resolved_at is null;

-- A business's own accounts at providers. `secrets` is encrypted (AES-GCM, versioned key) before it gets here.
create table connections (
  id        uuid not null,
  provider  text not null check (provider in ('stripe')),
  status    text not null default 'unverified' check (status in ('unverified', 'connected', 'failing', 'disconnected')),
  account   text,                                    -- the provider's own name of the account
  secrets   jsonb not null default '{}',
  error     text,
  checked_at timestamptz
);
select app.tenant_table('connections', 'secrets');
alter table connections add constraint connections_provider_key unique (org_id, provider);
select app.let_lookup('connections');
