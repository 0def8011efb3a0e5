-- Card and social security numbers never rest in free text, whichever door they came through (domain.md). The same steps as
-- src/platform/redact.rs and static/js/redact.js; one table of cases tests all three.
-- version: 1
create or replace function app.redact(t text) returns text
language plpgsql immutable parallel safe
set search_path = public, pg_temp as $$
declare
  d text[]; g text[];                    -- g[1] d[1] g[2] d[2] … g[n+1]
  n int; i int; j int; k int; e int; l int; a int; c int; after text; hit boolean;
  keep boolean[]; stop int[];            -- not part of a card; first group → last group of what is replaced
  joins constant text := '^[ \u00a0\u2011\u2013-]{1,3}$';
  letter constant text := '^[A-Za-z_]';
  out text;
begin
  if t is null or t !~ '[0-9][^0-9]{0,3}[0-9]' then return t; end if;
  g := regexp_split_to_array(t, '[0-9]+');
  select array_agg(m[1] order by o) into d from regexp_matches(t, '[0-9]+', 'g') with ordinality as x(m, o);
  n := cardinality(d);
  keep := array_fill(false, array[n]); stop := array_fill(0, array[n]);

  -- Social security numbers: three groups outside the numbers never issued, or nine digits after the words.
  i := 1;
  while i <= n loop
    if length(d[i]) = 9 and g[i + 1] !~ letter
       and g[i] ~ '(^|[^A-Za-z0-9])([Ss][Ss][Nn]|[Ss][Oo][Cc][Ii][Aa][Ll] [Ss][Ee][Cc][Uu][Rr][Ii][Tt][Yy])([^A-Za-z0-9]{1,4}([Nn][Uu][Mm][Bb][Ee][Rr]|[Nn][Oo]|[Nn][Uu][Mm]|[Ii][Ss])){0,2}[^A-Za-z0-9]{0,4}$' then
      stop[i] := i; keep[i] := true;
    elsif (app.redact_shape(d, g, i, '^-$', 3, 2, 4) or app.redact_shape(d, g, i, '^ $', 3, 2, 4))
      and g[i] !~ '[A-Za-z_$+-]$' and g[i + 3] !~ letter and not (g[i + 1] = '-' and g[i + 3] ~ '^-')
      and d[i] !~ '^(000|666|9)' and d[i + 1] <> '00' and d[i + 2] <> '0000' then
      stop[i] := i + 2; keep[i] := true; keep[i + 1] := true; keep[i + 2] := true;
      i := i + 2;
    end if;
    i := i + 1;
  end loop;

  -- What belongs to a phone, ZIP code, id, date or amount belongs to no card.
  for i in 1..n loop
    l := length(d[i]); after := g[i + 1]; a := coalesce(length(d[i + 1]), 0);
    if g[i] ~ '[A-Za-z_$]$' or after ~ letter or l in (10, 12) or (l = 11 and d[i] ~ '^1') or (l = 8 and after = '-' and a = 4) then
      keep[i] := true;
    end if;
    if app.redact_shape(d, g, i, '^[ -]$', 3, 3, 4) or app.redact_shape(d, g, i, '^-$', 4, 2, 2) or app.redact_shape(d, g, i, '^-$', 2, 2, 4) then
      keep[i] := true; keep[i + 1] := true; keep[i + 2] := true;
    end if;
    if app.redact_shape(d, g, i, '^-$', 5, 4) or (after = '.' and a between 1 and 2) or (after = ',' and a = 3) then
      keep[i] := true; keep[i + 1] := true;
    end if;
    if after in ('/', ':') and a > 0 then
      if l <= 2 then keep[i] := true; end if;
      if a <= 2 or a = 4 then keep[i + 1] := true; end if;
    end if;
    if g[i] ~ '\+$' then
      k := i; c := 0;
      while k <= n and c < 10 and (k = i or g[k] ~ joins) loop
        keep[k] := true; c := c + length(d[k]); k := k + 1;
      end loop;
    end if;
  end loop;

  -- Cards: a whole run of groups, or, beside other numbers, groups as they stand on cards.
  i := 1;
  while i <= n loop
    if keep[i] then i := i + 1; continue; end if;
    j := i;
    while j < n and not keep[j + 1] and g[j + 1] ~ joins loop j := j + 1; end loop;
    if app.luhn(array_to_string(d[i:j], '')) then
      stop[i] := j;
    else
      k := i;
      while k <= j loop
        e := least(j, k + 4); hit := false;
        while e >= k and not hit loop
          if (select string_agg(length(x)::text, ',' order by o) from unnest(d[k:e]) with ordinality as u(x, o)) ~ '^(1[3-9]|4,4,4,4(,3)?|4,6,[45]|4,4,5|8,8)$'
             and app.luhn(array_to_string(d[k:e], '')) then
            hit := true; stop[k] := e; k := e;
          end if;
          e := e - 1;
        end loop;
        k := k + 1;
      end loop;
    end if;
    i := j + 1;
  end loop;

  out := g[1]; i := 1;
  while i <= n loop
    if stop[i] > 0 then out := out || '[REDACTED]'; i := stop[i]; else out := out || d[i]; end if;
    out := out || g[i + 1];
    i := i + 1;
  end loop;
  return out;
end
$$;
alter function app.redact owner to rounds_owner;
revoke all on function app.redact from public;
grant execute on function app.redact to rounds_app, rounds_lookup;
