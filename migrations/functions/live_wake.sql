-- Open pages hear of a change at its commit: a notification with the business's id and no more. Whoever listens reads the rows through a
-- door of its own, by cursor, so that a lost or doubled notification costs a moment and no event.
-- One a statement and business; Postgres folds equal ones of a transaction into one, and sends none if it is rolled back.
-- version: 1
create or replace function app.wake() returns trigger
language plpgsql
set search_path = public, pg_temp as $$
begin
  perform pg_notify('events', one.org_id::text) from (select distinct org_id from added) one;
  return null;
end
$$;
alter function app.wake owner to rounds_owner;
revoke all on function app.wake from public;
