-- Writes what a contact is found by, with every note and every close-out. In PL/pgSQL, which keeps its plan: as an SQL function it was planned
-- anew at every call, which took longer than writing the entry. The other spelling of a street stands beside the written one.
-- version: 1
-- renews: renew_contact_search
create or replace function app.index_contacts(ids uuid[]) returns void
language plpgsql
set search_path = public, pg_temp as $$
begin
  insert into contact_search (contact_id, names, doc)
  select c.id, app.contact_names(c.name, c.nickname, c.company),
         app.fold(concat_ws(' ', c.name, c.first_name, c.last_name, c.nickname, c.company, array_to_string(c.tags, ' '),
           (select string_agg(e.address, ' ') from contact_emails e where e.org_id = c.org_id and e.contact_id = c.id),
           (select string_agg(p.typed || ' ' || p.match_key || ' ' || regexp_replace(p.typed, '\D', '', 'g'), ' ') from contact_phones p where p.org_id = c.org_id and p.contact_id = c.id),
           (select string_agg(concat_ws(' ', a.street, app.street_aliases(a.street || ' ' || a.unit), a.unit, a.city, a.region, a.postal_code, a.access_notes, a.neighbourhood), ' ') from addresses a where a.org_id = c.org_id and a.contact_id = c.id and a.deleted_at is null),
           (select string_agg(t.key || ' ' || t.value, ' ') from attributes t where t.org_id = c.org_id and t.contact_id = c.id and t.state <> 'dropped'),
           (select string_agg(n.body, ' ') from notes n where n.org_id = c.org_id and n.contact_id = c.id)))
    from contacts c where c.id = any (ids)
  on conflict (org_id, contact_id) do update set doc = excluded.doc, names = excluded.names
    where (contact_search.doc, contact_search.names) is distinct from (excluded.doc, excluded.names);
end
$$;
alter function app.index_contacts owner to rounds_owner;
revoke all on function app.index_contacts from public;
grant execute on function app.index_contacts to rounds_app;
