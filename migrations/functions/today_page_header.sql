-- What every page's header shows, so that the query that proves who is asking can bring it along in the same round trip: the ticket of this
-- hour (running clock first, else the one whose time contains now, else the next one today) and what waits for a person. Technicians see their
-- own; who is no technician sees the business's.
--
-- In PL/pgSQL, which keeps its plans: as an SQL function it was planned anew on every page, which cost more than the page's own query. A
-- technician's day is asked for ticket by ticket (the planner hashes an EXISTS of few rows, as it believes, and read every assignment there
-- ever was); the clock is read once a ticket, the customer for the one ticket that is shown.
-- version: 1
create or replace function app.page_header() returns jsonb
language plpgsql stable
set search_path = public, pg_temp as $$
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
end
$$;
alter function app.page_header owner to rounds_owner;
revoke all on function app.page_header from public;
grant execute on function app.page_header to rounds_app;
