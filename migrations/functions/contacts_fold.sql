-- Lower case without accents: how words and what is searched are compared (platform::text::fold does the same). Most words have no accents:
-- they are not looked for one by one then. In PL/pgSQL, which calls it many times at little cost.
-- version: 1
-- renews: renew_contact_search
create or replace function app.fold(t text) returns text
language plpgsql immutable parallel safe
set search_path = public, pg_temp as $$
begin
  return lower(case when octet_length(t) = length(t) then t
    else translate(t, 'ÀÁÂÃÄÅàáâãäåÇçÈÉÊËèéêëÌÍÎÏìíîïÑñÒÓÔÕÖØòóôõöøÙÚÛÜùúûüÝýÿŠšŽžŁł', 'aaaaaaaaaaaacceeeeeeeeiiiiiiiinnoooooooooooouuuuuuuuyyysszzll') end);
end
$$;
alter function app.fold owner to rounds_owner;
revoke all on function app.fold from public;
grant execute on function app.fold to rounds_app;
