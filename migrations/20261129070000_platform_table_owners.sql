-- Every table says which slice owns it: that slice alone writes it, and slices below its floor do not read it. `tests/it/architecture` reads these
-- lines and holds queries to them; in psql `\d+` shows them. A migration that makes a table adds its line.

comment on table audit_entries is 'platform';
comment on table audit_heads is 'platform';
comment on table audit_seals is 'platform';
comment on table counters is 'platform';
comment on table events is 'platform';
comment on table idempotency_keys is 'platform';
comment on table links is 'platform';
comment on table llm_usage is 'platform';
comment on table rate_limits is 'platform';
comment on table seal_progress is 'platform';

comment on table sessions is 'office/identity';
comment on table sign_ins is 'office/identity';
comment on table users is 'office/identity';
comment on table api_tokens is 'office/business';
comment on table connections is 'office/business';
comment on table files is 'office/files';
comment on table members is 'office/business';
comment on table notices is 'office/notices';
comment on table orgs is 'office/business';

comment on table addresses is 'customers/contacts';
comment on table attributes is 'customers/contacts';
comment on table consents is 'customers/contacts';
comment on table contact_duplicates is 'customers/contacts';
comment on table contact_emails is 'customers/contacts';
comment on table contact_phones is 'customers/contacts';
comment on table contact_search is 'customers/contacts';
comment on table contacts is 'customers/contacts';
comment on table notes is 'customers/contacts';

comment on table message_templates is 'messages/outbox';
comment on table messages is 'messages/outbox';

comment on table services is 'work/catalogue';
comment on table tax_rates is 'work/catalogue';
comment on table assignments is 'work/tickets';
comment on table clock_entries is 'work/tickets';
comment on table ticket_answers is 'work/tickets';
comment on table ticket_lines is 'work/tickets';
comment on table tickets is 'work/tickets';

comment on table invoice_lines is 'money/invoices';
comment on table invoice_taxes is 'money/invoices';
comment on table invoices is 'money/invoices';
comment on table checkout_sessions is 'money/payments';
comment on table payments is 'money/payments';
comment on table provider_customers is 'money/payments';
comment on table refunds is 'money/payments';
comment on table webhook_events is 'money/payments';

comment on table closeouts is 'flows/closeout';
comment on table import_keys is 'flows/imports';
comment on table import_rows is 'flows/imports';
comment on table imports is 'flows/imports';
comment on table exports is 'views/exports';
