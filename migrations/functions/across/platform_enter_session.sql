-- A live session: of an active member, the current business. A person without a business enters with app.user_id alone.
-- version: 1
create or replace function app.enter_session(hash bytea, at timestamptz, request text, network text) returns void
language plpgsql security definer
set search_path = public, pg_temp as $$
declare s record;
begin
  select x.id, x.user_id, m.org_id, m.id as member_id into s
    from sessions x
    left join members m on m.org_id = x.org_id and m.user_id = x.user_id and m.state = 'active'
   where x.token_hash = hash and x.revoked_at is null and x.expires_at > at;
  if not found then return; end if;
  perform set_config('app.session_id', s.id::text, true), set_config('app.user_id', s.user_id::text, true);
  perform app.enter(s.org_id, s.member_id, 'member:' || s.member_id, at, request, network, 'page') where s.member_id is not null;
end
$$;
alter function app.enter_session owner to rounds_lookup;
revoke all on function app.enter_session from public;
grant execute on function app.enter_session to rounds_app;
