-- A ticket is the appointment. Open ones may change; closed ones are refused by the database, with their lines, clock and notes.
create type ticket_state as enum ('scheduled', 'in_progress', 'closed', 'cancelled');
create type ticket_confirmation as enum ('not_asked', 'asked', 'accepted', 'declined', 'change_requested');
create table tickets (
  id            uuid not null,
  number        bigint not null,                     -- T-1042; from counters
  contact_id    uuid not null,
  address_id    uuid,
  state         ticket_state not null default 'scheduled',
  confirmation  ticket_confirmation not null default 'not_asked',
  starts_at     timestamptz not null, ends_at timestamptz not null,
  time_zone     text not null,                       -- of the place of service
  instructions  text not null default '',            -- for the technician
  is_price_estimated boolean not null default false,
  total         numeric(12,2) not null default 0,    -- sum of its lines' totals, kept by the actions
  has_open_price boolean not null default false,     -- a flexible line has no price yet: "from"
  sequence      int not null default 0,              -- ICS SEQUENCE: rises with each move and with cancelling
  override_reason text,                              -- why a double booking was knowingly made
  source        text not null default 'manual', source_key text, import_id uuid,
  cancelled_at  timestamptz, cancel_reason text, charge_note text not null default '',   -- what a wasted trip costs, in the owner's words
  closed_at     timestamptz, closed_by uuid,
  worked_minutes int check (worked_minutes between 0 and 10080),
  settlement    text check (settlement in ('payment', 'invoice', 'paid_already', 'handled_elsewhere')),   -- the money step of the close-out
  constraint tickets_slot_check check (ends_at > starts_at and ends_at <= starts_at + interval '7 days'),
  constraint tickets_closed_check check ((state = 'closed') = (closed_at is not null)),
  constraint tickets_cancelled_check check (state <> 'cancelled' or cancel_reason is not null)
);
select app.tenant_table('tickets');
select app.refers('tickets', 'contact_id', 'contacts');
select app.refers('tickets', 'address_id', 'addresses');
alter table tickets add constraint tickets_number_key unique (org_id, number);
create unique index tickets_source_key on tickets (org_id, source_key) where source_key is not null;
create index tickets_by_start on tickets (org_id, starts_at, id);
create index tickets_by_contact on tickets (org_id, contact_id, starts_at desc);
create index tickets_by_address on tickets (org_id, address_id, starts_at desc) where state = 'closed';
create index tickets_open on tickets (org_id, starts_at) where state in ('scheduled', 'in_progress');

create table ticket_lines (
  id uuid not null, ticket_id uuid not null, position int not null,
  service_id uuid, kind service_kind not null, description text not null check (description <> ''),
  quantity numeric(10,2) not null default 1 check (quantity > 0),
  unit_price numeric(12,2) check (unit_price >= 0),  -- null: a flexible line not priced yet
  duration_minutes int not null default 0 check (duration_minutes between 0 and 1440),
  tax_rate_id uuid,
  total numeric(12,2),                               -- round(quantity × unit price); null with the price
  constraint ticket_lines_price_needed check (kind = 'flexible' or unit_price is not null)
);
select app.tenant_table('ticket_lines');
select app.refers('ticket_lines', 'ticket_id', 'tickets', 'cascade');
select app.refers('ticket_lines', 'service_id', 'services');
select app.refers('ticket_lines', 'tax_rate_id', 'tax_rates');
create index ticket_lines_ticket on ticket_lines (org_id, ticket_id, position);
create index ticket_lines_service on ticket_lines (org_id, service_id);

-- Who is booked when. The exclusion constraint is the last line of defence; actions take an advisory lock per technician, in id order, first
-- (the constraint alone deadlocks under a race). Overridden overlaps are outside the constraint but checked under the same lock.
create table assignments (
  id uuid not null, ticket_id uuid not null, member_id uuid not null,
  slot tstzrange not null, is_open boolean not null default true, is_override boolean not null default false
);
select app.tenant_table('assignments');
alter table assignments add constraint assignments_no_overlap
  exclude using gist (org_id with =, member_id with =, slot with &&) where (is_open and not is_override);
select app.refers('assignments', 'ticket_id', 'tickets', 'cascade');
select app.refers('assignments', 'member_id', 'members');
alter table assignments add constraint assignments_member_key unique (org_id, ticket_id, member_id);
create index assignments_member on assignments (org_id, member_id, ticket_id);

-- The visit clock. occurred times are the person's; a correction keeps what was there before.
create table clock_entries (
  id uuid not null, ticket_id uuid not null, member_id uuid not null,
  clocked_in_at timestamptz not null, clocked_out_at timestamptz,
  device_offset_seconds int,                         -- phone's clock against ours when it was off by more than five minutes
  sent_at timestamptz,                               -- when it reached us, where that was later
  corrected_at timestamptz, corrected_by uuid, correction_reason text,
  original_in_at timestamptz, original_out_at timestamptz,
  constraint clock_entries_order_check check (clocked_out_at is null or clocked_out_at >= clocked_in_at)
);
select app.tenant_table('clock_entries');
select app.refers('clock_entries', 'ticket_id', 'tickets', 'cascade');
select app.refers('clock_entries', 'member_id', 'members');
create unique index clock_entries_one_open on clock_entries (org_id, member_id) where clocked_out_at is null;
create index clock_entries_ticket on clock_entries (org_id, ticket_id);

-- An answer has a who, a when and a how: a row, not a flag. The newest one of the present slot is the ticket's confirmation.
create table ticket_answers (
  id uuid not null, ticket_id uuid not null, answer ticket_confirmation not null check (answer in ('accepted', 'declined', 'change_requested')),
  wish text not null default '',                     -- "any weekday after 14:00"
  channel text not null check (channel in ('link', 'phone', 'email', 'in_person')),
  link_id uuid, member_id uuid, for_start timestamptz not null
);
select app.tenant_table('ticket_answers');
select app.refers('ticket_answers', 'ticket_id', 'tickets', 'cascade');
create index ticket_answers_ticket on ticket_answers (org_id, ticket_id, created_at desc);
alter table notes add constraint notes_ticket_id_fkey foreign key (org_id, ticket_id) references tickets (org_id, id);
alter table attributes add constraint attributes_ticket_id_fkey foreign key (org_id, ticket_id) references tickets (org_id, id);

-- Closed is closed, whoever asks. Only the narrow functions owned by rounds_lookup (undo of an import, erasure) may touch a closed ticket.
create function app.refuse_closed() returns trigger language plpgsql as $$
declare
  r jsonb := case when tg_op = 'INSERT' then to_jsonb(new) else to_jsonb(old) end;
  t uuid := case when tg_table_name = 'tickets' then (r ->> 'id')::uuid else (r ->> 'ticket_id')::uuid end;
  closed boolean;
begin
  if current_user = 'rounds_lookup' then return coalesce(new, old); end if;
  if tg_table_name = 'tickets' then
    closed := (r ->> 'state') = 'closed' and not (tg_op = 'UPDATE' and (to_jsonb(new) - array['settlement', 'version', 'updated_at']) = (r - array['settlement', 'version', 'updated_at'])
                                                 and r ->> 'settlement' is null);   -- how it was paid is recorded once, after closing
    if tg_op = 'INSERT' then closed := false; end if;
  elsif t is null then
    closed := false;
  else
    -- rows that come with their closed ticket (import, close-out) are written in the transaction that closes it
    select k.state = 'closed' and k.closing_xid is distinct from pg_current_xact_id() into closed
      from tickets k where k.org_id = (r ->> 'org_id')::uuid and k.id = t;
  end if;
  if closed then
    raise exception 'ticket is closed' using errcode = 'restrict_violation', constraint = 'tickets_closed_immutable';
  end if;
  return coalesce(new, old);
end $$;
alter table tickets add column closing_xid xid8;
create function app.mark_closing() returns trigger language plpgsql as $$
begin
  if new.state = 'closed' and (tg_op = 'INSERT' or old.state <> 'closed') then new.closing_xid := pg_current_xact_id(); end if;
  return new;
end $$;
create trigger closing before insert or update on tickets for each row execute function app.mark_closing();
create trigger a_closed before update or delete on tickets for each row execute function app.refuse_closed();
create trigger a_closed before insert or update or delete on ticket_lines for each row execute function app.refuse_closed();
create trigger a_closed before insert or update or delete on clock_entries for each row execute function app.refuse_closed();
create trigger a_closed before insert or update or delete on assignments for each row execute function app.refuse_closed();
create trigger a_closed before update or delete on notes for each row execute function app.refuse_closed();

-- The wizard's draft: one open one a ticket, versioned, kept on the server at every step.
create type closeout_state as enum ('open', 'reviewed', 'completed', 'abandoned');
create table closeouts (
  id uuid not null, ticket_id uuid not null, member_id uuid not null,
  state closeout_state not null default 'open', step text not null default 'what' check (step in ('what', 'notes', 'next', 'review', 'money')),
  draft jsonb not null default '{}',
  extracted jsonb, extracted_from bytea,             -- rule-based result, and the hash of the notes it was read from
  model_state text not null default 'none' check (model_state in ('none', 'asked', 'answered', 'failed')), model_extracted jsonb,
  reviewed_at timestamptz, completed_at timestamptz, completed_by uuid, abandoned_at timestamptz, abandon_reason text
);
select app.tenant_table('closeouts');
select app.refers('closeouts', 'ticket_id', 'tickets', 'cascade');
select app.refers('closeouts', 'member_id', 'members');
create unique index closeouts_one_live on closeouts (org_id, ticket_id) where state <> 'abandoned';

-- What asking a model cost, by purpose.
create table llm_usage (
  id uuid not null, purpose text not null, model text not null, prompt_tokens int not null, completion_tokens int not null
);
select app.tenant_table('llm_usage');
