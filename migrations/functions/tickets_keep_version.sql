-- That the question is on its way is set by a job, moments after a visit was booked or moved. It changes nothing that a form shows: whoever opened
-- one meanwhile may save it. The name sorts after `touch`, which counts the version up.
-- version: 1
create or replace function app.keep_version() returns trigger
language plpgsql
set search_path = public, pg_temp as $$
begin
  new.version := old.version;
  return new;
end
$$;
alter function app.keep_version owner to rounds_owner;
revoke all on function app.keep_version from public;
