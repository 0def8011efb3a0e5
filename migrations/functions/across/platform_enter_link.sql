-- A public link: sets the business and tells kind and record. A revoked link still tells its kind, so that a friendly page can be shown.
-- version: 1
create or replace function app.enter_link(hash bytea, at timestamptz, request text, network text) returns void
language plpgsql security definer
set search_path = public, pg_temp as $$
declare l record;
begin
  select org_id, id into l from links where token_hash = hash;
  if not found then return; end if;
  perform set_config('app.link_id', l.id::text, true);
  perform app.enter(l.org_id, null, 'link:' || l.id, at, request, network, 'link');
end
$$;
alter function app.enter_link owner to rounds_lookup;
revoke all on function app.enter_link from public;
grant execute on function app.enter_link to rounds_app;
