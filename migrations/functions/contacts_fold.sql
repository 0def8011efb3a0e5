-- How words and what is searched are compared: decomposed, lower case, without accents and invisible marks, one kind of apostrophe and hyphen.
-- platform::text::fold is the same rule for texts outside of the database; src/platform/fold_cases.json holds cases that both must pass.
-- Most words are plain ASCII and need none of it. In PL/pgSQL, which calls it many times at little cost.
-- version: 2
-- renews: renew_contact_search
create or replace function app.fold(t text) returns text
language plpgsql immutable parallel safe
set search_path = public, pg_temp as $$
declare
  plain text;
begin
  if octet_length(t) = length(t) then return lower(t); end if;
  plain := regexp_replace(lower(normalize(t, nfkd)), '[\u0300-\u036f\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]', '', 'g');
  -- Letters that Unicode does not decompose, and the marks that keyboards and word processors set.
  plain := translate(plain, 'øđðłıħŧʼ‘’′‐‑‒–—', 'oddliht''''''''-----');
  return replace(replace(replace(replace(plain, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th');
end
$$;
alter function app.fold owner to rounds_owner;
revoke all on function app.fold from public;
grant execute on function app.fold to rounds_app;
