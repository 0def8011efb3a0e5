-- What every page's header shows, so that the query that proves who is asking can bring it along in the same round trip:
-- the ticket of this hour (running clock first, else the one whose time contains now, else the next one today) and what waits for a person.
-- Technicians see their own; who is no technician sees the business's.
create function app.page_header() returns jsonb language sql stable as $$
  with me as (select m.id, m.is_technician from members m where m.id = (select app.member())),
  mine as (
    select t.id, t.number, t.starts_at, t.ends_at, t.contact_id,
           (select min(c.clocked_in_at) from clock_entries c, me where c.ticket_id = t.id and c.clocked_out_at is null and (c.member_id = me.id or not me.is_technician)) as running_since
      from tickets t, me
     where t.state in ('scheduled', 'in_progress')
       and t.starts_at < (date_trunc('day', app.now() at time zone t.time_zone) + interval '1 day') at time zone t.time_zone
       and t.starts_at > app.now() - interval '2 days'
       and (not me.is_technician or exists (select from assignments a where a.ticket_id = t.id and a.member_id = me.id))
  ),
  best as (
    select * from mine
     where running_since is not null or ends_at > app.now()
     order by running_since is null, not (starts_at <= app.now() and ends_at > app.now()), starts_at, id limit 1
  )
  select jsonb_build_object(
    'current', (select jsonb_build_object('id', b.id, 'number', b.number, 'name', c.name, 'starts_at', b.starts_at, 'ends_at', b.ends_at, 'running_since', b.running_since)
                  from best b join contacts c on c.id = b.contact_id),
    'notices', (select count(*) from (select from notices where resolved_at is null limit 100) n));
$$;
