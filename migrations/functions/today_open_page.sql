-- The door of a page: whom app.admit lets in, and with it what the page's header shows, so that all comes back from one round trip: the ticket of this
-- hour (running clock first, else the one whose time contains now, else the next one today) and what waits for a person. Technicians see their own;
-- who is no technician sees the business's. `since` is the oldest transaction that the page may not show yet: its live stream starts there.
--
-- In PL/pgSQL, which keeps its plans: as an SQL function it was planned anew on every page, which cost more than the page's own query. Each step
-- touches a row or two. Whose time contains now starts before all that are still to come, so the start alone orders them.
-- version: 1
create or replace function app.open_page(door text, hash bytea, business uuid, at timestamptz, request text, network text) returns json
language plpgsql
set search_path = public, pg_temp as $$
declare
  admitted json := app.admit(door, hash, business, at, request, network);
  me uuid := app.member();
  is_technician boolean;
  current json;
begin
  if me is null then return json_build_object('admitted', admitted); end if;
  is_technician := (select m.is_technician from members m where m.id = me);
  if exists (select from clock_entries k where k.clocked_out_at is null and (k.member_id = me or not is_technician)) then
    current := (
      select json_build_object('id', t.id, 'name', (select c.name from contacts c where c.id = t.contact_id), 'starts_at', t.starts_at,
                               'running_since', min(k.clocked_in_at))
        from clock_entries k
        join tickets t on t.org_id = k.org_id and t.id = k.ticket_id
       where k.clocked_out_at is null and (k.member_id = me or not is_technician)
         and t.state in ('scheduled', 'in_progress') and t.starts_at > at - interval '2 days'
         and t.starts_at < (date_trunc('day', at at time zone t.time_zone) + interval '1 day') at time zone t.time_zone
         and (not is_technician or (select true from assignments a where a.ticket_id = t.id and a.member_id = me limit 1))
       group by t.id, t.contact_id, t.starts_at
       order by t.starts_at, t.id
       limit 1);
  end if;
  if current is null then
    current := (
      select json_build_object('id', t.id, 'name', (select c.name from contacts c where c.id = t.contact_id), 'starts_at', t.starts_at)
        from tickets t
       where t.state in ('scheduled', 'in_progress')
         -- The index's condition; the day's end where the ticket is comes after it.
         and t.starts_at > at - interval '2 days' and t.starts_at < at + interval '26 hours' and t.ends_at > at
         and t.starts_at < (date_trunc('day', at at time zone t.time_zone) + interval '1 day') at time zone t.time_zone
         and (not is_technician or (select true from assignments a where a.ticket_id = t.id and a.member_id = me limit 1))
       order by t.starts_at, t.id
       limit 1);
  end if;
  return json_build_object('admitted', admitted, 'header', json_build_object('current', current,
    'notices', (select count(*) from (select from notices where resolved_at is null limit 100) n),
    'since', pg_snapshot_xmin(pg_current_snapshot())::text));
end
$$;
alter function app.open_page owner to rounds_owner;
revoke all on function app.open_page from public;
grant execute on function app.open_page to rounds_app;
