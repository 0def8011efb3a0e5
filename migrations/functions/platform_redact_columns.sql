-- BEFORE INSERT OR UPDATE trigger: redacts the text columns named as its arguments, so that no door can forget it.
-- version: 1
create or replace function app.redact_columns() returns trigger
language plpgsql
set search_path = public, pg_temp as $$
declare
  was jsonb := to_jsonb(new); col text; clean text;
begin
  foreach col in array tg_argv loop
    clean := app.redact(was ->> col);
    if clean is distinct from was ->> col then
      new := jsonb_populate_record(new, jsonb_build_object(col, clean));
    end if;
  end loop;
  return new;
end
$$;
alter function app.redact_columns owner to rounds_owner;
revoke all on function app.redact_columns from public;
