-- Agents see the customers they made or are booked for, no others.
-- version: 1
create or replace function app.is_own_contact(contact uuid, member uuid) returns boolean
language sql stable
set search_path = public, pg_temp as $$
  select exists (select from contacts c where c.id = contact and c.created_by = 'member:' || member::text)
      or exists (select from tickets t join assignments a on a.org_id = t.org_id and a.ticket_id = t.id where t.contact_id = contact and a.member_id = member);
$$;
alter function app.is_own_contact owner to rounds_owner;
revoke all on function app.is_own_contact from public;
grant execute on function app.is_own_contact to rounds_app;
