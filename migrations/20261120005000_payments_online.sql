-- What taking money online needs beside the records themselves.
-- The customer as the business's provider knows it, made on first use. `account`: the connection, or 'instance' for the instance-wide key.
create table provider_customers (
  id uuid not null, contact_id uuid not null, account text not null, provider_customer_id text not null
);
select app.tenant_table('provider_customers');
select app.refers('provider_customers', 'contact_id', 'contacts', 'cascade');
alter table provider_customers add constraint provider_customers_key unique (org_id, contact_id, account);

-- Which events speak of a payment, so that one that came too early is worked off once the payment is known.
alter table webhook_events add column payment_intent text;
create index webhook_events_payment on webhook_events (org_id, payment_intent) where payment_intent is not null;
create index webhook_events_newest on webhook_events (org_id, created_at desc, id);

alter table payments
  add column provider_refunded numeric(12,2) not null default 0,   -- the most the provider has said to be refunded of it, in all
  add column checkout_id uuid;
select app.refers('payments', 'checkout_id', 'checkout_sessions');
alter table refunds add column error text;
alter table checkout_sessions add column provider_customer_id text;
create index refunds_payment on refunds (org_id, payment_id);
