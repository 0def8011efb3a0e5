-- The free text that people type about customers. Names sort before the audit's, so that it sees what is stored.
create trigger a_redact before insert or update on notes for each row execute function app.redact_columns('body');
create trigger a_redact before insert or update on attributes for each row execute function app.redact_columns('value');
create trigger a_redact before insert or update on tickets for each row execute function app.redact_columns('instructions');
create trigger a_redact before insert or update on messages for each row execute function app.redact_columns('custom_subject', 'custom_body');
create trigger a_redact before insert or update on invoices for each row execute function app.redact_columns('note');
create trigger a_redact before insert or update on payments for each row execute function app.redact_columns('note', 'reference');
