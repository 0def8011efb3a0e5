-- Adds a note to what its contact is found by, at the end, where app.index_contacts has the notes too: the rest need not be read again.
-- version: 1
-- renews: renew_contact_search
create or replace function app.index_note(contact uuid, body text) returns void
language plpgsql
set search_path = public, pg_temp as $$
begin
  update contact_search set doc = doc || ' ' || app.fold(body) where contact_id = contact;
  if not found then
    perform app.index_contacts(array[contact]);
  end if;
end
$$;
alter function app.index_note owner to rounds_owner;
revoke all on function app.index_note from public;
grant execute on function app.index_note to rounds_app;
