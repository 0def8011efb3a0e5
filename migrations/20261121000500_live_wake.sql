-- Open pages hear of a change at its commit: a notification with the business's id and no more. Whoever listens reads the rows through a
-- door of its own, by cursor, so that a lost or doubled notification costs a moment and no event.
-- One a statement and business; Postgres folds equal ones of a transaction into one, and sends none if it is rolled back.
create function app.wake() returns trigger language plpgsql as $$
begin
  perform pg_notify('events', one.org_id::text) from (select distinct org_id from added) one;
  return null;
end $$;
create trigger wake after insert on events referencing new table as added for each statement execute function app.wake();
