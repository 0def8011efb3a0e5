-- The door: admits a session, a token, a link (`hash` is the SHA-256 of the secret) or background work (`business`; `door` then says which: 'job',
-- 'import', …), sets who is asking locally to the transaction, and says who it is, in one call. Null: nobody is admitted. Without `who`: a signed-in
-- person without a business, or one whose business is closed.
-- Settings are written in assignments, which PL/pgSQL evaluates without a plan of their own.
-- version: 1
create or replace function app.admit(door text, hash bytea, business uuid, at timestamptz, request text, network text) returns json
language plpgsql security definer
set search_path = public, pg_temp as $$
declare
  person uuid;
  session uuid;
  token uuid;
  link uuid;
  org uuid := business;
  member uuid;
  actor text := door;
  source text := door;
  who json;
  written text;
begin
  if door = 'session' then
    select x.id, x.user_id, m.org_id, m.id, 'member:' || m.id, 'page' into session, person, org, member, actor, source
      from sessions x
      left join members m on m.org_id = x.org_id and m.user_id = x.user_id and m.state = 'active'
     where x.token_hash = hash and x.revoked_at is null and x.expires_at > at;
    if not found then return null; end if;
    written := set_config('app.session_id', session::text, true) || set_config('app.user_id', person::text, true);
  elsif door = 'token' then
    -- What a model does with its token is on record as the model's.
    select t.id, t.org_id, m.id, case when m.is_model then 'model:' else 'member:' end || m.id, case when m.is_model then 'model' else 'api' end
      into token, org, member, actor, source
      from api_tokens t join members m on m.org_id = t.org_id and m.id = t.member_id and m.state = 'active'
     where t.token_hash = hash and t.revoked_at is null;
    if not found then return null; end if;
    written := set_config('app.token_id', token::text, true);
  elsif door = 'link' then
    -- A revoked link is admitted too, so that a friendly page can say so.
    select l.org_id, l.id, 'link:' || l.id, 'link' into org, link, actor, source from links l where l.token_hash = hash;
    if not found then return null; end if;
    written := set_config('app.link_id', link::text, true);
  end if;
  if org is not null then
    written := app.enter(org, member, actor, at, request, network, source);
    who := (select json_build_object(
              'org', o.id, 'org_name', o.name, 'zone', o.time_zone, 'currency', o.currency, 'country', o.country, 'profile', o.profile,
              'capabilities_off', o.capabilities_off, 'is_demo', o.is_demo, 'staff_see_prices', o.staff_see_prices,
              'staff_see_all_tickets', o.staff_see_all_tickets, 'role', m.role, 'member', m.id, 'member_name', coalesce(m.name, ''),
              'is_model', coalesce(m.is_model, false), 'may_send', coalesce(m.may_send, false), 'user', person, 'session', session, 'link', link,
              'source', source)
              from orgs o left join members m on m.org_id = o.org_id and m.id = member
             where o.org_id = org and o.id = org and o.state = 'active');
  end if;
  return json_build_object('user', person, 'session', session, 'who', who);
end
$$;
alter function app.admit owner to rounds_lookup;
revoke all on function app.admit from public;
grant execute on function app.admit to rounds_app;
