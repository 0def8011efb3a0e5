-- Whether 13 to 19 digits have the right check digit (ISO/IEC 7812-1, annex B).
-- version: 1
create or replace function app.luhn(digits text) returns boolean
language sql immutable parallel safe
set search_path = public, pg_temp as $$
  select length(digits) between 13 and 19 and (
    select sum(case when n % 2 = 1 then v when v > 4 then 2 * v - 9 else 2 * v end) % 10 = 0
    from (select n, substr(reverse(digits), n, 1)::int as v from generate_series(1, length(digits)) n) places)
$$;
alter function app.luhn owner to rounds_owner;
revoke all on function app.luhn from public;
grant execute on function app.luhn to rounds_app, rounds_lookup;
