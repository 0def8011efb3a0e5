-- That the question is on its way is set by a job, moments after a visit was booked or moved. It changes nothing that a form shows: whoever opened
-- one meanwhile may save it. The name sorts after `touch`, which counts the version up.
create function app.keep_version() returns trigger language plpgsql as $$
begin
  new.version := old.version;
  return new;
end $$;
create trigger touch_asked before update on tickets for each row
  when (old.confirmation = 'not_asked' and new.confirmation = 'asked') execute function app.keep_version();
