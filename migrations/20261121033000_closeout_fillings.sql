-- Two phones may fill in the same close-out, one of them without a link. Each filling-in has a key of its own; the row keeps whose
-- draft stands here and how often a person has saved (the row's version also moves when a model answers, so it can't tell).
-- Nullable and defaulted: the previous release goes on writing without them.
alter table closeouts
  add column filling text check (length(filling) <= 64),
  add column saved int not null default 0,
  add column saved_by uuid;
select app.refers('closeouts', 'saved_by', 'members');
