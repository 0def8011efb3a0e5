-- Whether the groups of digits from `i` on have these lengths, with each gap between them matching: one shape for cards, phones and dates.
-- version: 1
create or replace function app.redact_shape(d text[], g text[], i int, gap text, variadic lengths int[]) returns boolean
language plpgsql immutable parallel safe
set search_path = public, pg_temp as $$
begin
  if i < 1 or i + cardinality(lengths) - 1 > cardinality(d) then return false; end if;
  for k in 1..cardinality(lengths) loop
    if length(d[i + k - 1]) <> lengths[k] then return false; end if;
    if k > 1 and g[i + k - 1] !~ gap then return false; end if;
  end loop;
  return true;
end
$$;
alter function app.redact_shape owner to rounds_owner;
revoke all on function app.redact_shape from public;
grant execute on function app.redact_shape to rounds_app, rounds_lookup;
