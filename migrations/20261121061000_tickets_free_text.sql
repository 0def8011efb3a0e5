-- What people type about a visit is free text as well: why it was double booked or cancelled, what a wasted trip costs, what is done, why a clock
-- was set right, and which time the customer wishes.
create or replace trigger a_redact before insert or update on tickets for each row
  execute function app.redact_columns('instructions', 'override_reason', 'cancel_reason', 'charge_note');
create trigger a_redact before insert or update on ticket_lines for each row execute function app.redact_columns('description');
create trigger a_redact before insert or update on clock_entries for each row execute function app.redact_columns('correction_reason');
create trigger a_redact before insert or update on ticket_answers for each row execute function app.redact_columns('wish');
