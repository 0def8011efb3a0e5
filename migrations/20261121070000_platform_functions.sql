-- Functions have a file each from here on (migrations/functions), applied again when their text changes: restated in migrations, one copy
-- undid what another had gained. Only what tables need to be made or to hold a row stays in migrations: app.org, app.actor and app.now in
-- defaults and policies, app.tenant_table and its helpers, and app.touch, app.audit and app.audit_new, which those helpers hang on every table.
--
-- Which text of each the database holds. A migrator leaves alone what is of a later version than its own.
create table app.functions (
  name        text primary key,                 -- without the schema; a function of other arguments has another name
  version     int not null check (version > 0),
  fingerprint text not null,                    -- SHA-256 of the file, in hex: two texts of one version are refused
  applied_at  timestamptz not null default now()
);
grant select on app.functions to rounds_app, rounds_backup;
