-- What every page does before its own work, at less cost; what it answers stays the same.
--
-- app.enter in PL/pgSQL, which keeps its plan: an SQL function that is called from another function is parsed and planned at every call.
create or replace function app.enter(org uuid, member uuid, actor text, at timestamptz, request text, network text, source text)
returns void language plpgsql as $$
begin
  perform set_config('app.org_id', coalesce(org::text, ''), true), set_config('app.member_id', coalesce(member::text, ''), true),
          set_config('app.actor', actor, true), set_config('app.now', at::text, true), set_config('app.request_id', request, true),
          set_config('app.network', network, true), set_config('app.source', source, true);
end $$;

-- A technician's header looked at every assignment the technician ever had (the planner hashes an EXISTS of few rows, as it believes): it
-- asks for the day's few tickets now, one by one. The clock is read once a ticket, the customer for the one ticket that is shown.
create or replace function app.page_header() returns jsonb language plpgsql stable as $$
declare
  at timestamptz := app.now();
  me uuid := app.member();
  is_technician boolean;
  current jsonb;
begin
  select m.is_technician into is_technician from members m where m.id = me;
  select jsonb_build_object('id', b.id, 'number', b.number, 'name', c.name, 'starts_at', b.starts_at, 'ends_at', b.ends_at, 'running_since', b.running_since)
    into current
    from (
      select x.* from (
        select t.id, t.org_id, t.number, t.starts_at, t.ends_at, t.contact_id,
               (select min(k.clocked_in_at) from clock_entries k
                 where k.ticket_id = t.id and k.clocked_out_at is null and (k.member_id = me or not is_technician)) as running_since
          from tickets t
         where t.state in ('scheduled', 'in_progress')
           -- The index's condition; the day's end where the ticket is comes after it.
           and t.starts_at > at - interval '2 days' and t.starts_at < at + interval '26 hours'
           and t.starts_at < (date_trunc('day', at at time zone t.time_zone) + interval '1 day') at time zone t.time_zone
           and (not is_technician or (select true from assignments a where a.ticket_id = t.id and a.member_id = me limit 1))
        offset 0
      ) x
      where x.running_since is not null or x.ends_at > at
      order by x.running_since is null, not (x.starts_at <= at and x.ends_at > at), x.starts_at, x.id
      limit 1
    ) b
    join contacts c on c.org_id = b.org_id and c.id = b.contact_id;
  return jsonb_build_object('current', current, 'notices', (select count(*) from (select from notices where resolved_at is null limit 100) n));
end $$;

-- The search entry of one customer is written with every note and every close-out: planning it took longer than writing it.
create or replace function app.index_contacts(ids uuid[]) returns void language plpgsql as $$
begin
  insert into contact_search (contact_id, names, doc)
  select c.id, app.contact_names(c.name, c.nickname, c.company),
         app.fold(concat_ws(' ', c.name, c.first_name, c.last_name, c.nickname, c.company, array_to_string(c.tags, ' '),
           (select string_agg(e.address, ' ') from contact_emails e where e.org_id = c.org_id and e.contact_id = c.id),
           (select string_agg(p.typed || ' ' || p.match_key || ' ' || regexp_replace(p.typed, '\D', '', 'g'), ' ') from contact_phones p where p.org_id = c.org_id and p.contact_id = c.id),
           (select string_agg(concat_ws(' ', a.street, a.unit, a.city, a.region, a.postal_code, a.access_notes, a.neighbourhood), ' ') from addresses a where a.org_id = c.org_id and a.contact_id = c.id and a.deleted_at is null),
           (select string_agg(t.key || ' ' || t.value, ' ') from attributes t where t.org_id = c.org_id and t.contact_id = c.id and t.state <> 'dropped'),
           (select string_agg(n.body, ' ') from notes n where n.org_id = c.org_id and n.contact_id = c.id)))
    from contacts c where c.id = any (ids)
  on conflict (org_id, contact_id) do update set doc = excluded.doc, names = excluded.names
    where (contact_search.doc, contact_search.names) is distinct from (excluded.doc, excluded.names);
end $$;
