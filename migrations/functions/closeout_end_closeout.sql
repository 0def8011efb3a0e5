-- A ticket may be cancelled, or closed by a program, while its close-out is half done. Many ways lead there (one visit, a whole series, an
-- import), so the end of the half-done one hangs on the ticket's state and not on each of them. What was typed stays on record in the row.
-- Completing marks the close-out as completed before it closes the ticket, so that nothing is left for this to end.
-- Whoever has no rights on close-outs (the functions that rounds_lookup owns) leaves them: lists show those of open tickets only.
-- version: 1
create or replace function app.end_closeout() returns trigger
language plpgsql
set search_path = public, pg_temp as $$
begin
  if current_user <> 'rounds_lookup' then
    update closeouts set state = 'abandoned', abandoned_at = app.now(), abandon_reason = 'The ticket was ' || new.state::text || '.'
     where org_id = new.org_id and ticket_id = new.id and state in ('open', 'reviewed');
  end if;
  return null;
end
$$;
alter function app.end_closeout owner to rounds_owner;
revoke all on function app.end_closeout from public;
