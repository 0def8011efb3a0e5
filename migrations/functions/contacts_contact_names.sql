-- The names of a contact as they are compared. Begins with a space, so that a word's beginning is found the same way wherever it stands.
-- In PL/pgSQL for the reason that app.index_contacts is, which calls it.
-- version: 1
-- renews: renew_contact_search
create or replace function app.contact_names(name text, nickname text, company text) returns text
language plpgsql immutable parallel safe
set search_path = public, pg_temp as $$
begin
  return ' ' || app.fold(concat_ws(' ', name, nickname, company));
end
$$;
alter function app.contact_names owner to rounds_owner;
revoke all on function app.contact_names from public;
grant execute on function app.contact_names to rounds_app;
