-- A program's token: of an active member. What a model does with it is on record as the model's.
-- version: 1
create or replace function app.enter_token(hash bytea, at timestamptz, request text, network text) returns void
language plpgsql security definer
set search_path = public, pg_temp as $$
declare s record;
begin
  select t.org_id, t.id, m.id as member_id, m.is_model into s
    from api_tokens t join members m on m.org_id = t.org_id and m.id = t.member_id and m.state = 'active'
   where t.token_hash = hash and t.revoked_at is null;
  if not found then return; end if;
  perform set_config('app.token_id', s.id::text, true);
  perform app.enter(s.org_id, s.member_id, case when s.is_model then 'model:' else 'member:' end || s.member_id, at, request, network,
    case when s.is_model then 'model' else 'api' end);
end
$$;
alter function app.enter_token owner to rounds_lookup;
revoke all on function app.enter_token from public;
grant execute on function app.enter_token to rounds_app;
