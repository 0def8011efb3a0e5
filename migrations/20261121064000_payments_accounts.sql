-- The account that a payment page was opened with, by a digest of its key: the page of another account is neither shown again nor known to the present key.
-- Not known of pages opened before; they are closed and made anew.
alter table checkout_sessions add column account text;

-- Stripe settles a refund later: until then it carries that the customer owes the money again.
alter table refunds add column reopens boolean not null default false;
