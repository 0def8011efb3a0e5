-- Every way into a business, and the only functions that look across businesses. All are SECURITY DEFINER, owned by rounds_lookup
-- (a function owned by the table owner sees nothing under FORCE), return ids, and stand in this one file or are named in its list:
--   app.enter_session, app.enter_token, app.enter_link   token hash → business and record
--   app.businesses_of                                    user → businesses
--   app.connection_org                                   webhook address → business
--   app.org_ids, app.has_business                        due work, first sign-up
--   app.due_messages, app.stuck_messages (messages migration)   due work → business
--   app.search_contacts (contacts migration)             text search inside one given business
--   app.undo_import_tickets (imports migration)                the narrow way to take back closed records

-- Sets who is asking, locally to the transaction.
create function app.enter(org uuid, member uuid, actor text, at timestamptz, request text, network text, source text)
returns void language sql as $$
  select set_config('app.org_id', coalesce(org::text, ''), true), set_config('app.member_id', coalesce(member::text, ''), true),
         set_config('app.actor', actor, true), set_config('app.now', at::text, true), set_config('app.request_id', request, true),
         set_config('app.network', network, true), set_config('app.source', source, true);
$$;

-- A live session: of an active member, the current business. A person without a business enters with app.user_id alone.
create function app.enter_session(hash bytea, at timestamptz, request text, network text) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare s record;
begin
  select x.id, x.user_id, m.org_id, m.id as member_id into s
    from sessions x
    left join members m on m.org_id = x.org_id and m.user_id = x.user_id and m.state = 'active'
   where x.token_hash = hash and x.revoked_at is null and x.expires_at > at;
  if not found then return; end if;
  perform set_config('app.session_id', s.id::text, true), set_config('app.user_id', s.user_id::text, true);
  perform app.enter(s.org_id, s.member_id, 'member:' || s.member_id, at, request, network, 'page') where s.member_id is not null;
end $$;

create function app.enter_token(hash bytea, at timestamptz, request text, network text) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare s record;
begin
  select t.org_id, t.id, m.id as member_id, m.is_model into s
    from api_tokens t join members m on m.org_id = t.org_id and m.id = t.member_id and m.state = 'active'
   where t.token_hash = hash and t.revoked_at is null;
  if not found then return; end if;
  perform set_config('app.token_id', s.id::text, true);
  perform app.enter(s.org_id, s.member_id, case when s.is_model then 'model:' else 'member:' end || s.member_id, at, request, network,
    case when s.is_model then 'model' else 'api' end);
end $$;

-- A public link: sets the business and tells kind and record. A revoked link still tells its kind, so that a friendly page can be shown.
create function app.enter_link(hash bytea, at timestamptz, request text, network text) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare l record;
begin
  select org_id, id into l from links where token_hash = hash;
  if not found then return; end if;
  perform set_config('app.link_id', l.id::text, true);
  perform app.enter(l.org_id, null, 'link:' || l.id, at, request, network, 'link');
end $$;

create function app.businesses_of(of_user uuid) returns table (org_id uuid, name text, role member_role, member_id uuid, state member_state)
language sql stable security definer set search_path = public, pg_temp as $$
  select o.id, o.name, m.role, m.id, m.state from members m join orgs o on o.id = m.org_id and o.state = 'active'
   where m.user_id = of_user and m.state <> 'disabled' order by o.name;
$$;

create function app.connection_org(connection uuid) returns uuid
language sql stable security definer set search_path = public, pg_temp as
$$ select org_id from connections where id = connection $$;

create function app.org_ids() returns setof uuid
language sql stable security definer set search_path = public, pg_temp as
$$ select id from orgs where state = 'active' $$;

create function app.has_business() returns boolean
language sql stable security definer set search_path = public, pg_temp as
$$ select exists (select from orgs where not is_demo) $$;

grant create on schema app to rounds_lookup;
alter function app.enter_session(bytea, timestamptz, text, text) owner to rounds_lookup;
alter function app.enter_token(bytea, timestamptz, text, text) owner to rounds_lookup;
alter function app.enter_link(bytea, timestamptz, text, text) owner to rounds_lookup;
alter function app.businesses_of(uuid) owner to rounds_lookup;
alter function app.connection_org(uuid) owner to rounds_lookup;
alter function app.org_ids() owner to rounds_lookup;
alter function app.has_business() owner to rounds_lookup;
revoke create on schema app from rounds_lookup;
