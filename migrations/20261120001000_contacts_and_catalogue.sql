-- Customers: one of name, company, phone or email is enough (real exports have rows with a single one).
create type contact_relation as enum ('customer', 'vendor', 'other');
create table contacts (
  id           uuid not null,
  relation     contact_relation not null default 'customer',
  is_organisation boolean not null default false,
  name         text not null,                        -- what lists and mails show; derived by the action from the parts below
  first_name   text not null default '', last_name text not null default '',
  nickname     text not null default '', company text not null default '',
  tags         text[] not null default '{}',
  preferred_time text check (preferred_time in ('morning', 'afternoon')),
  preferred_member_id uuid,
  preferred_channel text check (preferred_channel in ('email', 'phone', 'sms', 'letter')),
  email_consent boolean,                             -- marketing only; null: never asked
  sms_consent  boolean,
  birthday     text,
  customer_since date,
  source       text not null default 'manual',       -- manual, api, import, booking
  source_key   text,                                 -- Square Customer ID …: the key for importing again
  import_id    uuid,
  stripe_customer_id text,
  name_key     text not null generated always as (lower(name)) stored,   -- lists are ordered and paged by it; a plain column can be an index condition under RLS
  deleted_at   timestamptz
);
select app.tenant_table('contacts');
select app.refers('contacts', 'preferred_member_id', 'members');
create unique index contacts_source_key on contacts (org_id, source_key) where source_key is not null;
create index contacts_by_name on contacts (org_id, name_key, id) where deleted_at is null;
create index contacts_archived on contacts (org_id, name_key, id) where deleted_at is not null;
create index contacts_by_import on contacts (org_id, import_id) where import_id is not null;

-- Emails, phones and streets are read and written by one module (contacts::personal), so that field encryption can be switched on:
-- the readable column then holds ciphertext, the match columns keyed hashes.
create table contact_emails (
  id uuid not null, contact_id uuid not null, position int not null default 0, label text not null default '',
  address text not null,
  match_key text not null                            -- lower-cased
);
select app.tenant_table('contact_emails');
select app.refers('contact_emails', 'contact_id', 'contacts', 'cascade');
create index contact_emails_contact on contact_emails (org_id, contact_id);
create index contact_emails_match on contact_emails (org_id, match_key);
create table contact_phones (
  id uuid not null, contact_id uuid not null, position int not null default 0, label text not null default '',
  typed text not null,                               -- as the person wrote it
  match_key text not null,                           -- E.164, or its digits where it is no valid number
  tail_key text not null                             -- last four digits
);
select app.tenant_table('contact_phones');
select app.refers('contact_phones', 'contact_id', 'contacts', 'cascade');
create index contact_phones_contact on contact_phones (org_id, contact_id);
create index contact_phones_match on contact_phones (org_id, match_key);
create index contact_phones_tail on contact_phones (org_id, tail_key);
create table addresses (
  id uuid not null, contact_id uuid not null, label text not null default '',
  street text not null default '', unit text not null default '', city text not null default '', region text not null default '',
  postal_code text not null default '', country text not null default '',
  access_notes text not null default '',             -- "gate code 4411"
  time_zone text,                                    -- only where it differs from the business's
  neighbourhood text not null default '',
  is_primary boolean not null default false, deleted_at timestamptz
);
select app.tenant_table('addresses');
select app.refers('addresses', 'contact_id', 'contacts', 'cascade');
create index addresses_contact on addresses (org_id, contact_id);

-- Consent keeps its history: source, time and wording of every change.
create table consents (
  id uuid not null, contact_id uuid not null, channel text not null check (channel in ('email', 'sms')),
  given boolean not null, source text not null, wording text not null default ''
);
select app.tenant_table('consents');
select app.refers('consents', 'contact_id', 'contacts', 'cascade');
create index consents_contact on consents (org_id, contact_id, created_at);

-- Free text and the structured facts read from it. ticket_id is set for the notes of a close-out (frozen with the ticket).
create table notes (
  id uuid not null, contact_id uuid not null, ticket_id uuid, body text not null check (body <> ''),
  source text not null default 'typed', source_key text, import_id uuid
);
select app.tenant_table('notes');
select app.refers('notes', 'contact_id', 'contacts', 'cascade');
create index notes_contact on notes (org_id, contact_id, created_at);
create index notes_ticket on notes (org_id, ticket_id) where ticket_id is not null;
create type attribute_state as enum ('proposed', 'confirmed', 'dropped');
create table attributes (
  id uuid not null, contact_id uuid not null, key text not null check (key <> ''), value text not null check (value <> ''),
  state attribute_state not null default 'proposed',
  source text not null default 'typed',              -- typed, rules, model, import
  confidence numeric(3,2) check (confidence between 0 and 1),
  note_id uuid, ticket_id uuid, confirmed_by uuid, confirmed_at timestamptz, import_id uuid
);
select app.tenant_table('attributes');
select app.refers('attributes', 'contact_id', 'contacts', 'cascade');
select app.refers('attributes', 'note_id', 'notes');
create index attributes_contact on attributes (org_id, contact_id);
create unique index attributes_once on attributes (org_id, contact_id, key, lower(value)) where state <> 'dropped';

-- Possible twins: proposed, never merged by themselves.
create table contact_duplicates (
  id uuid not null, contact_id uuid not null, other_id uuid not null, score int not null, reason text not null,
  state text not null default 'proposed' check (state in ('proposed', 'dismissed')),
  import_id uuid, constraint contact_duplicates_order check (contact_id < other_id)
);
select app.tenant_table('contact_duplicates');
select app.refers('contact_duplicates', 'contact_id', 'contacts', 'cascade');
select app.refers('contact_duplicates', 'other_id', 'contacts', 'cascade');
alter table contact_duplicates add constraint contact_duplicates_pair_key unique (org_id, contact_id, other_id);

-- What a contact can be found by: derived, rebuilt by app.index_contacts; no audit of its own.
create table contact_search (
  org_id uuid not null default app.org(), contact_id uuid not null, doc text not null,
  primary key (org_id, contact_id)
);
select app.isolate('contact_search');
alter table contact_search add constraint contact_search_contact_fkey foreign key (org_id, contact_id) references contacts (org_id, id) on delete cascade;
grant select, insert, update, delete on contact_search to rounds_app;
create index contact_search_doc on contact_search using gin (org_id, doc gin_trgm_ops);
select app.let_lookup('contact_search');
select app.let_lookup('contacts');

-- Lower case without accents: how words and what is searched are compared (platform::text::fold does the same).
create function app.fold(t text) returns text language sql immutable parallel safe as
  $$ select lower(translate(t, 'ÀÁÂÃÄÅàáâãäåÇçÈÉÊËèéêëÌÍÎÏìíîïÑñÒÓÔÕÖØòóôõöøÙÚÛÜùúûüÝýÿŠšŽžŁł', 'aaaaaaaaaaaacceeeeeeeeiiiiiiiinnoooooooooooouuuuuuuuyyysszzll')) $$;

create function app.index_contacts(ids uuid[]) returns void language sql as $$
  insert into contact_search (contact_id, doc)
  select c.id, app.fold(concat_ws(' ', c.name, c.first_name, c.last_name, c.nickname, c.company, array_to_string(c.tags, ' '),
           (select string_agg(e.address, ' ') from contact_emails e where e.contact_id = c.id),
           (select string_agg(p.typed || ' ' || p.match_key || ' ' || regexp_replace(p.typed, '\D', '', 'g'), ' ') from contact_phones p where p.contact_id = c.id),
           (select string_agg(concat_ws(' ', a.street, a.unit, a.city, a.region, a.postal_code, a.access_notes, a.neighbourhood), ' ') from addresses a where a.contact_id = c.id and a.deleted_at is null),
           (select string_agg(t.key || ' ' || t.value, ' ') from attributes t where t.contact_id = c.id and t.state <> 'dropped'),
           (select string_agg(n.body, ' ') from notes n where n.contact_id = c.id)))
    from contacts c where c.id = any (ids)
  on conflict (org_id, contact_id) do update set doc = excluded.doc where contact_search.doc is distinct from excluded.doc;
$$;

create function app.like_pattern(word text) returns text language sql immutable parallel safe as
  $$ select '%' || replace(replace(replace(word, '\', '\\'), '%', '\%'), '_', '\_') || '%' $$;

-- Under RLS only leakproof operators become index conditions, so text search goes through these two functions, which take the business
-- explicitly and refuse any but the current one. Words are folded; every one must occur; words of a phone number are given as their digits.
-- Ordered by rank, name and id, from behind the place given, so that a page stays where it is when somebody is added.
create function app.search_contacts(org uuid, words text[], archived boolean, lim int,
                                    after_rank int default null, after_name text default null, after_id uuid default null)
returns table (contact_id uuid, rank int) language sql stable security definer set search_path = public, pg_temp as $$
  with hits as (
    select c.id, c.name_key,
           (case when app.fold(c.name) like words[1] || '%' then 2 when app.fold(c.name) like '%' || words[1] || '%' then 1 else 0 end * 1000
            + word_similarity(array_to_string(words, ' '), s.doc) * 900)::int as score
      from contact_search s join contacts c on c.org_id = s.org_id and c.id = s.contact_id and (c.deleted_at is not null) = archived
     where s.org_id = org and org = (select app.org())
       and s.doc like (select app.like_pattern(w) from unnest(words) w order by length(w) desc limit 1)   -- the index's condition
       and s.doc like all (select app.like_pattern(w) from unnest(words) w)
  )
  select h.id, h.score from hits h
   where after_id is null or h.score < after_rank or (h.score = after_rank and (h.name_key, h.id) > (after_name, after_id))
   order by h.score desc, h.name_key, h.id
   limit lim;
$$;

-- For when nothing matches exactly: each word may be misspelt.
create function app.guess_contacts(org uuid, words text[], archived boolean, lim int)
returns table (contact_id uuid, rank int) language sql stable security definer set search_path = public, pg_temp
set pg_trgm.word_similarity_threshold = 0.4 as $$
  select c.id, ((select avg(word_similarity(w, s.doc)) from unnest(words) w) * 1000)::int as score
    from contact_search s join contacts c on c.org_id = s.org_id and c.id = s.contact_id and (c.deleted_at is not null) = archived
   where s.org_id = org and org = (select app.org())
       and s.doc %> (select w from unnest(words) w order by length(w) desc limit 1) and s.doc %> all (words)
   order by 2 desc, c.name_key, c.id
   limit lim;
$$;
grant create on schema app to rounds_lookup;
alter function app.search_contacts(uuid, text[], boolean, int, int, text, uuid) owner to rounds_lookup;
alter function app.guess_contacts(uuid, text[], boolean, int) owner to rounds_lookup;
revoke create on schema app from rounds_lookup;

-- Catalogue.
create table tax_rates (
  id uuid not null, name text not null check (name <> ''), percent numeric(7,4) not null check (percent >= 0 and percent < 100),
  is_inclusive boolean not null default false, is_default boolean not null default false, archived_at timestamptz
);
select app.tenant_table('tax_rates');
create unique index tax_rates_default on tax_rates (org_id) where is_default and archived_at is null;
create type service_kind as enum ('fixed', 'flexible', 'per_unit', 'product');
create table services (
  id uuid not null, name text not null check (name <> '' and length(name) <= 200), kind service_kind not null,
  description text not null default '', category text not null default '', sku text not null default '',
  price numeric(12,2) check (price >= 0),            -- null only for flexible ones
  unit text not null default '',                     -- "screen", "pane"
  duration_minutes int not null default 60 check (duration_minutes between 0 and 1440),
  tax_rate_id uuid, archived_at timestamptz, source text not null default 'manual', source_key text, import_id uuid,
  constraint services_price_needed check (kind = 'flexible' or price is not null)
);
select app.tenant_table('services');
select app.refers('services', 'tax_rate_id', 'tax_rates');
create unique index services_source_key on services (org_id, source_key) where source_key is not null;
create unique index services_name_key on services (org_id, lower(name)) where archived_at is null;
