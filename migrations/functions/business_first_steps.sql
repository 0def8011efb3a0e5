-- How far a new business has come, for the checklist on its home page: one look over the tables of all slices, inside the current business.
-- In PL/pgSQL, which keeps its plan: as an SQL function it was planned anew on every home page.
-- version: 2
create or replace function app.first_steps()
returns table (has_hours boolean, has_service boolean, has_customer boolean, has_stripe boolean, has_ticket boolean, has_invoice boolean)
language plpgsql stable
set search_path = public, pg_temp as $$
begin
  return query select exists (select from events where subject_id = (select app.org()) and name = 'business.hours_set'),
                      exists (select from services where archived_at is null),
                      exists (select from contacts where deleted_at is null),
                      exists (select from connections where provider = 'stripe' and status = 'connected'),
                      exists (select from tickets),
                      exists (select from invoices where state <> 'draft');
end
$$;
alter function app.first_steps owner to rounds_owner;
revoke all on function app.first_steps from public;
grant execute on function app.first_steps to rounds_app;
