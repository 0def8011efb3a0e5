-- A business's accounts at providers have their own owner, and a new provider needs no migration: the providers' list stands in the code.
comment on table connections is 'office/connections';
alter table connections drop constraint connections_provider_check;
-- The column is from the time when Stripe was the only provider.
comment on column webhook_events.payment_intent is 'the provider''s id of the payment that the event is about';

-- Who made a refund: Rounds, somebody at the provider, or a bank by a lost dispute. What is told of a payment in all is not told apart by that.
alter table refunds add column origin text not null default 'own' constraint refunds_origin_check check (origin in ('own', 'provider', 'dispute'));
