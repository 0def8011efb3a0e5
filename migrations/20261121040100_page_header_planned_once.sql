-- What every page's header shows, as before; in PL/pgSQL, which keeps its plans: as an SQL function it was planned anew on every page,
-- which cost more than the page's own query. The moment is read once, not once a ticket.
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
      select t.id, t.org_id, t.number, t.starts_at, t.ends_at, t.contact_id,
             (select min(k.clocked_in_at) from clock_entries k
               where k.ticket_id = t.id and k.clocked_out_at is null and (k.member_id = me or not is_technician)) as running_since
        from tickets t
       where t.state in ('scheduled', 'in_progress')
         -- The index's condition; the day's end where the ticket is comes after it.
         and t.starts_at > at - interval '2 days' and t.starts_at < at + interval '26 hours'
         and t.starts_at < (date_trunc('day', at at time zone t.time_zone) + interval '1 day') at time zone t.time_zone
         and (not is_technician or exists (select from assignments a where a.ticket_id = t.id and a.member_id = me))
    ) b
    join contacts c on c.org_id = b.org_id and c.id = b.contact_id
   where b.running_since is not null or b.ends_at > at
   order by b.running_since is null, not (b.starts_at <= at and b.ends_at > at), b.starts_at, b.id
   limit 1;
  return jsonb_build_object('current', current, 'notices', (select count(*) from (select from notices where resolved_at is null limit 100) n));
end $$;
