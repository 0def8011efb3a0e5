-- A ticket may be cancelled, or closed by a program, while its close-out is half done. Many ways lead there (one visit, a whole series, an
-- import), so the end of the half-done one hangs on the ticket's state and not on each of them. What was typed stays on record in the row.
-- Completing marks the close-out as completed before it closes the ticket, so that nothing is left for this to end.
-- Whoever has no rights on close-outs (the functions that rounds_lookup owns) leaves them: lists show those of open tickets only.
create function app.end_closeout() returns trigger language plpgsql as $$
begin
  if current_user <> 'rounds_lookup' then
    update closeouts set state = 'abandoned', abandoned_at = app.now(), abandon_reason = 'The ticket was ' || new.state::text || '.'
     where org_id = new.org_id and ticket_id = new.id and state in ('open', 'reviewed');
  end if;
  return null;
end $$;
create trigger end_closeout after update of state on tickets for each row
  when (new.state in ('closed', 'cancelled') and old.state is distinct from new.state) execute function app.end_closeout();
