-- Sets who is asking, locally to the transaction. In PL/pgSQL, which keeps its plan: an SQL function that is called from another function is
-- parsed and planned at every call, and every page comes through here.
-- version: 1
create or replace function app.enter(org uuid, member uuid, actor text, at timestamptz, request text, network text, source text) returns void
language plpgsql
set search_path = public, pg_temp as $$
begin
  perform set_config('app.org_id', coalesce(org::text, ''), true), set_config('app.member_id', coalesce(member::text, ''), true),
          set_config('app.actor', actor, true), set_config('app.now', at::text, true), set_config('app.request_id', request, true),
          set_config('app.network', network, true), set_config('app.source', source, true);
end
$$;
alter function app.enter owner to rounds_owner;
revoke all on function app.enter from public;
grant execute on function app.enter to rounds_app, rounds_lookup;
