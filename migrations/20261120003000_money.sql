-- Invoices: drafts change, issued ones are frozen. Number, lines, taxes and the stored PDF are taken when it is issued.
create type invoice_state as enum ('draft', 'issued', 'sent', 'partially_paid', 'paid', 'void');
create table invoices (
  id uuid not null,
  number text, seq bigint,                           -- INV-0107; without gaps, from counters, taken last before commit
  state invoice_state not null default 'draft',
  contact_id uuid not null, ticket_id uuid,
  issue_date date, due_date date,                    -- in the business's zone
  terms_days int not null default 14 check (terms_days between 0 and 365),
  currency text not null,
  discount_percent numeric(5,2) check (discount_percent between 0 and 100), discount_amount numeric(12,2) check (discount_amount >= 0),
  subtotal numeric(12,2) not null default 0, discount numeric(12,2) not null default 0, tax numeric(12,2) not null default 0,
  total numeric(12,2) not null default 0 check (total >= 0),
  paid numeric(12,2) not null default 0,             -- succeeded payments less refunds, without tips
  note text not null default '', pdf_file_id uuid,
  issued_at timestamptz, sent_at timestamptz, voided_at timestamptz, void_reason text, viewed_at timestamptz,
  constraint invoices_due_check check (due_date >= issue_date),
  constraint invoices_discount_check check (discount_percent is null or discount_amount is null),
  constraint invoices_issued_check check ((number is not null) = (issued_at is not null))
);
select app.tenant_table('invoices');
select app.refers('invoices', 'contact_id', 'contacts');
select app.refers('invoices', 'ticket_id', 'tickets');
select app.refers('invoices', 'pdf_file_id', 'files');
alter table invoices add constraint invoices_number_key unique (org_id, number);
alter table invoices add constraint invoices_seq_key unique (org_id, seq);
create unique index invoices_one_live_per_ticket on invoices (org_id, ticket_id) where state <> 'void';
create index invoices_by_contact on invoices (org_id, contact_id, created_at desc);
create index invoices_unpaid on invoices (org_id, due_date, id) where state in ('issued', 'sent', 'partially_paid');
create index invoices_newest on invoices (org_id, created_at desc, id);

create table invoice_lines (
  id uuid not null, invoice_id uuid not null, position int not null, service_id uuid,
  description text not null check (description <> ''), quantity numeric(10,2) not null check (quantity > 0),
  unit_price numeric(12,2) not null check (unit_price >= 0),
  tax_rate_id uuid, tax_name text not null default '', tax_percent numeric(7,4) not null default 0, tax_inclusive boolean not null default false,
  total numeric(12,2) not null
);
select app.tenant_table('invoice_lines');
select app.refers('invoice_lines', 'invoice_id', 'invoices', 'cascade');
select app.refers('invoice_lines', 'tax_rate_id', 'tax_rates');
create index invoice_lines_invoice on invoice_lines (org_id, invoice_id, position);
-- One row a rate: what page, PDF, mail and pay page all print.
create table invoice_taxes (
  id uuid not null, invoice_id uuid not null, name text not null, percent numeric(7,4) not null, is_inclusive boolean not null,
  base numeric(12,2) not null, amount numeric(12,2) not null
);
select app.tenant_table('invoice_taxes');
select app.refers('invoice_taxes', 'invoice_id', 'invoices', 'cascade');
create index invoice_taxes_invoice on invoice_taxes (org_id, invoice_id);

create function app.refuse_issued() returns trigger language plpgsql as $$
declare s invoice_state; x xid8;
begin
  select state, issuing_xid into s, x from invoices where org_id = coalesce(new.org_id, old.org_id) and id = coalesce(new.invoice_id, old.invoice_id);
  if s is not null and s <> 'draft' and x is distinct from pg_current_xact_id() then
    raise exception 'invoice is issued' using errcode = 'restrict_violation', constraint = 'invoices_issued_immutable';
  end if;
  return coalesce(new, old);
end $$;
alter table invoices add column issuing_xid xid8;
create trigger a_issued before insert or update or delete on invoice_lines for each row execute function app.refuse_issued();
create trigger a_issued before insert or update or delete on invoice_taxes for each row execute function app.refuse_issued();
create function app.freeze_invoice() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    if old.state = 'draft' then return old; end if;
    raise exception 'invoice is issued' using errcode = 'restrict_violation', constraint = 'invoices_issued_immutable';
  end if;
  if old.state = 'draft' and new.state <> 'draft' then new.issuing_xid := pg_current_xact_id(); return new; end if;
  if old.state <> 'draft' and old.issuing_xid is distinct from pg_current_xact_id() and
     (new.number, new.contact_id, new.ticket_id, new.issue_date, new.due_date, new.currency, new.subtotal, new.discount, new.tax, new.total, new.note)
       is distinct from (old.number, old.contact_id, old.ticket_id, old.issue_date, old.due_date, old.currency, old.subtotal, old.discount, old.tax, old.total, old.note) then
    raise exception 'invoice is issued' using errcode = 'restrict_violation', constraint = 'invoices_issued_immutable';
  end if;
  if new.state = 'draft' and old.state <> 'draft' then
    raise exception 'invoice is issued' using errcode = 'restrict_violation', constraint = 'invoices_issued_immutable';
  end if;
  return new;
end $$;
create trigger a_frozen before update or delete on invoices for each row execute function app.freeze_invoice();

-- Payments: only reference ids of Stripe are kept. Imported ones have a ticket and no invoice.
create type payment_state as enum ('pending', 'succeeded', 'failed', 'refunded', 'disputed');
create type payment_method as enum ('card', 'cash', 'check', 'bank', 'other');
create table payments (
  id uuid not null, contact_id uuid, invoice_id uuid, ticket_id uuid,
  state payment_state not null, method payment_method not null,
  amount numeric(12,2) not null check (amount >= 0), tip numeric(12,2) not null default 0 check (tip >= 0), currency text not null,
  refunded numeric(12,2) not null default 0,
  received_at timestamptz, reference text not null default '', note text not null default '',
  provider_payment_id text, provider_session_id text, failure text,
  source text not null default 'manual', source_key text, import_id uuid,
  constraint payments_refunded_check check (refunded >= 0 and refunded <= amount + tip)
);
select app.tenant_table('payments');
select app.refers('payments', 'contact_id', 'contacts');
select app.refers('payments', 'invoice_id', 'invoices');
select app.refers('payments', 'ticket_id', 'tickets');
create unique index payments_provider_key on payments (org_id, provider_payment_id) where provider_payment_id is not null;
create unique index payments_source_key on payments (org_id, source_key) where source_key is not null;
create index payments_invoice on payments (org_id, invoice_id);
create index payments_contact on payments (org_id, contact_id, received_at desc);
create index payments_newest on payments (org_id, received_at desc, id);
create table refunds (
  id uuid not null, payment_id uuid not null, amount numeric(12,2) not null check (amount > 0), reason text not null default '',
  state text not null default 'succeeded' check (state in ('pending', 'succeeded', 'failed')), provider_refund_id text, refunded_at timestamptz not null default app.now()
);
select app.tenant_table('refunds');
select app.refers('refunds', 'payment_id', 'payments');
create unique index refunds_provider_key on refunds (org_id, provider_refund_id) where provider_refund_id is not null;

-- Checkout Sessions: at most one open one an invoice, so that a link opened twice can't be paid twice.
create table checkout_sessions (
  id uuid not null, invoice_id uuid not null, provider_session_id text, url text, amount numeric(12,2) not null, tip numeric(12,2) not null default 0,
  state text not null default 'creating' check (state in ('creating', 'open', 'complete', 'expired')), expires_at timestamptz
);
select app.tenant_table('checkout_sessions');
select app.refers('checkout_sessions', 'invoice_id', 'invoices');
create unique index checkout_sessions_one_open on checkout_sessions (org_id, invoice_id) where state in ('creating', 'open');
create unique index checkout_sessions_provider_key on checkout_sessions (org_id, provider_session_id) where provider_session_id is not null;

-- Every verified event, raw, once; a job works it off. State comes after the work, in the work's own transaction.
create table webhook_events (
  id uuid not null, connection_id uuid, provider text not null, event_id text not null, event_type text not null, occurred_at timestamptz,
  body text not null, state text not null default 'received' check (state in ('received', 'processed', 'ignored', 'failed')),
  error text, processed_at timestamptz, attempts int not null default 0
);
select app.tenant_table('webhook_events', 'body');
alter table webhook_events add constraint webhook_events_key unique (org_id, provider, event_id);
create index webhook_events_open on webhook_events (org_id, created_at) where state in ('received', 'failed');
