-- Streets are found however they are spelt: "Governors Drive Southwest" where "Governors Dr SW" is written, and the other way round.
-- Returns the other spelling of each word that has one, or null. In PL/pgSQL for the reason that app.index_contacts is, which calls it.
-- version: 1
-- renews: renew_contact_search
create or replace function app.street_aliases(t text) returns text
language plpgsql immutable parallel safe
set search_path = public, pg_temp as $$
begin
  return (
    select string_agg(case when w.word = s.short then s.long else s.short end, ' ')
      from regexp_split_to_table(app.fold(t), '[^a-z0-9]+') w(word)
      join (values ('st', 'street'), ('rd', 'road'), ('dr', 'drive'), ('ave', 'avenue'), ('av', 'avenue'), ('blvd', 'boulevard'), ('ln', 'lane'),
                   ('ct', 'court'), ('cir', 'circle'), ('pl', 'place'), ('ter', 'terrace'), ('pkwy', 'parkway'), ('hwy', 'highway'), ('trl', 'trail'),
                   ('sq', 'square'), ('xing', 'crossing'), ('mt', 'mount'), ('apt', 'apartment'), ('ste', 'suite'), ('n', 'north'), ('s', 'south'),
                   ('e', 'east'), ('w', 'west'), ('ne', 'northeast'), ('nw', 'northwest'), ('se', 'southeast'), ('sw', 'southwest')) s(short, long)
        on w.word in (s.short, s.long)
  );
end
$$;
alter function app.street_aliases owner to rounds_owner;
revoke all on function app.street_aliases from public;
grant execute on function app.street_aliases to rounds_app;
