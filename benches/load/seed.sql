-- Businesses {from} to {to} of the same size, as the superuser and past all triggers: a year's worth of a million tickets in minutes.
-- Ids are made from kind, business and number, so that the load knows them.
set session_replication_role = replica;
create or replace function bench_id(kind int, org int, n int) returns uuid language sql immutable as
  $$ select (lpad(to_hex(org), 8, '0') || '-' || lpad(to_hex(kind), 4, '0') || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
create or replace function bench_today() returns timestamp language sql stable as
  $$ select date_trunc('day', now() at time zone 'America/Chicago') $$;

insert into orgs (id, org_id, name, time_zone, currency, email)
select bench_id(1, o, 0), bench_id(1, o, 0), 'Business ' || o, 'America/Chicago', 'USD', 'office@example.com' from generate_series({from}, {to}) o;
insert into users (id, email, name)
select bench_id(2, o, m), format('m%s-%s@example.com', m, o), 'Member ' || m from generate_series({from}, {to}) o, generate_series(1, 3) m;
insert into members (id, org_id, user_id, role, state, name, email, is_technician, color)
select bench_id(3, o, m), bench_id(1, o, 0), bench_id(2, o, m), (array['owner', 'staff', 'staff'])[m]::member_role, 'active', 'Member ' || m,
       format('m%s-%s@example.com', m, o), m > 1, m
  from generate_series({from}, {to}) o, generate_series(1, 3) m;
insert into sessions (id, user_id, token_hash, org_id, expires_at)
select bench_id(20, o, m), bench_id(2, o, m), sha256(convert_to(format('bench-session-%s-%s', o, m), 'UTF8')), bench_id(1, o, 0), now() + interval '30 days'
  from generate_series({from}, {to}) o, generate_series(1, 3) m;
insert into api_tokens (id, org_id, member_id, name, token_hash)
select bench_id(21, o, 1), bench_id(1, o, 0), bench_id(3, o, 1), 'bench', sha256(convert_to('bench-token-' || o, 'UTF8')) from generate_series({from}, {to}) o;
insert into tax_rates (id, org_id, name, percent, is_default) select bench_id(19, o, 1), bench_id(1, o, 0), 'Sales Tax', 9, true from generate_series({from}, {to}) o;
insert into services (id, org_id, name, kind, price, duration_minutes)
select bench_id(8, o, s), bench_id(1, o, 0), 'Service ' || s, 'fixed', 40 + s * 10, 60 from generate_series({from}, {to}) o, generate_series(1, 10) s;

-- {contacts} customers each.
insert into contacts (id, org_id, name, first_name, last_name, email_consent)
select bench_id(4, o, n), bench_id(1, o, 0), format('%s %s', f, l), f, l, true
  from generate_series({from}, {to}) o, generate_series(1, {contacts}) n,
  lateral (select (array['Adele', 'Amos', 'Beatrice', 'Calvin', 'Clara', 'Daphne', 'Earl', 'Felix', 'Gloria', 'Hector', 'Iris', 'Julian'])[1 + n % 12] as f,
                  (array['Abernathy', 'Barlow', 'Carmody', 'Dunleavy', 'Ellsworth', 'Farrow', 'Garrity', 'Hathaway', 'Jeffers', 'Kettering', 'Langford', 'Mabry',
                         'Northcutt', 'Okafor', 'Pemberton', 'Quarles', 'Ridley'])[1 + (n / 12 + n) % 17] || case when n > 204 then ' ' || n else '' end as l) x;
insert into contact_emails (id, org_id, contact_id, address, match_key)
select bench_id(5, o, n), bench_id(1, o, 0), bench_id(4, o, n), format('c%s.%s@example.com', n, o), format('c%s.%s@example.com', n, o)
  from generate_series({from}, {to}) o, generate_series(1, {contacts}) n;
insert into contact_phones (id, org_id, contact_id, typed, match_key, tail_key)
select bench_id(6, o, n), bench_id(1, o, 0), bench_id(4, o, n), '(256) ' || left(p, 3) || '-' || right(p, 4), '+1256' || p, right(p, 4)
  from generate_series({from}, {to}) o, generate_series(1, {contacts}) n, lateral (select lpad(((n * 7919 + o * 104729) % 10000000)::text, 7, '0') as p) x;
insert into addresses (id, org_id, contact_id, street, city, region, postal_code, country, access_notes, is_primary)
select bench_id(7, o, n), bench_id(1, o, 0), bench_id(4, o, n), (100 + n) || ' Mockingbird Hill Rd', (array['Huntsville', 'Madison', 'Athens', 'Decatur'])[1 + n % 4],
       'AL', '35801', 'US', case when n % 3 = 0 then 'gate code ' || (1000 + n) else '' end, true
  from generate_series({from}, {to}) o, generate_series(1, {contacts}) n;
insert into attributes (id, org_id, contact_id, key, value, state)
select bench_id(14, o, n * 2 + k), bench_id(1, o, 0), bench_id(4, o, n), (array['pet', 'property'])[k + 1], (array['dog (lab)', '2 story in back'])[k + 1], 'confirmed'
  from generate_series({from}, {to}) o, generate_series(1, {contacts}) n, generate_series(0, 1) k;

-- 1,000 tickets each: 970 done over two years, 30 from today on.
create temporary table bench_tickets as
select o, n, 1 + n % {contacts} as c, 2 + n % 2 as m, n > 970 as is_open,
       ((case when n <= 970 then bench_today() - interval '1 day' * ((971 - n) * 3 / 4 + 1) + interval '8 hours' + interval '2 hours' * (n % 4)
              else bench_today() + interval '1 day' * ((n - 971) / 10) + interval '8 hours' + interval '2 hours' * ((n - 971) % 10 / 2) end)
        at time zone 'America/Chicago') as starts
  from generate_series({from}, {to}) o, generate_series(1, 1000) n;
insert into tickets (id, org_id, number, contact_id, address_id, state, confirmation, starts_at, ends_at, time_zone, total, closed_at, closed_by, worked_minutes, settlement, created_at)
select bench_id(9, o, n), bench_id(1, o, 0), n, bench_id(4, o, c), bench_id(7, o, c), case when is_open then 'scheduled' else 'closed' end::ticket_state, 'accepted',
       starts, starts + interval '90 minutes', 'America/Chicago', 150, case when not is_open then starts + interval '95 minutes' end,
       case when not is_open then bench_id(3, o, m) end, case when not is_open then 90 end, case when not is_open then 'invoice' end, starts - interval '9 days'
  from bench_tickets;
insert into ticket_lines (id, org_id, ticket_id, position, service_id, kind, description, quantity, unit_price, duration_minutes, total)
select bench_id(10, o, n * 2 + l), bench_id(1, o, 0), bench_id(9, o, n), l + 1, bench_id(8, o, 1 + (n + l) % 10), 'fixed', 'Service ' || (1 + (n + l) % 10), 1, 75, 60, 75
  from bench_tickets, generate_series(0, 1) l;
insert into assignments (id, org_id, ticket_id, member_id, slot, is_open)
select bench_id(11, o, n), bench_id(1, o, 0), bench_id(9, o, n), bench_id(3, o, m), tstzrange(starts, starts + interval '90 minutes'), is_open from bench_tickets;
insert into clock_entries (id, org_id, ticket_id, member_id, clocked_in_at, clocked_out_at)
select bench_id(12, o, n), bench_id(1, o, 0), bench_id(9, o, n), bench_id(3, o, m), starts, starts + interval '90 minutes' from bench_tickets where not is_open;
insert into notes (id, org_id, contact_id, ticket_id, body, created_at, created_by)
select bench_id(13, o, n), bench_id(1, o, 0), bench_id(4, o, c), bench_id(9, o, n), 'In and out, all good. Back windows very dirty from the pollen, took longer.',
       starts + interval '90 minutes', 'member:' || bench_id(3, o, m)
  from bench_tickets where not is_open;
insert into events (org_id, at, name, subject_kind, subject_id, contact_id, actor, payload)
select bench_id(1, o, 0), starts + interval '95 minutes', 'ticket.closed', 'ticket', bench_id(9, o, n), bench_id(4, o, c), 'member:' || bench_id(3, o, m),
       '{"v": 1, "amount": "150.00", "currency": "USD"}'
  from bench_tickets where not is_open;
insert into invoices (id, org_id, number, seq, state, contact_id, ticket_id, issue_date, due_date, currency, subtotal, tax, total, paid, issued_at, sent_at, created_at)
select bench_id(15, o, n), bench_id(1, o, 0), 'INV-' || lpad(n::text, 4, '0'), n, case when n > 940 then 'sent' else 'paid' end::invoice_state, bench_id(4, o, c),
       bench_id(9, o, n), starts::date, starts::date + 14, 'USD', 150, 0, 150, case when n > 940 then 0 else 150 end, starts + interval '2 hours',
       starts + interval '2 hours', starts + interval '2 hours'
  from bench_tickets where not is_open and n % 10 < 7;
insert into invoice_lines (id, org_id, invoice_id, position, service_id, description, quantity, unit_price, total)
select bench_id(16, o, n * 2 + l), bench_id(1, o, 0), bench_id(15, o, n), l + 1, bench_id(8, o, 1 + (n + l) % 10), 'Service ' || (1 + (n + l) % 10), 1, 75, 75
  from bench_tickets, generate_series(0, 1) l where not is_open and n % 10 < 7;
insert into payments (id, org_id, contact_id, invoice_id, ticket_id, state, method, amount, currency, received_at, created_at)
select bench_id(17, o, n), bench_id(1, o, 0), bench_id(4, o, c), bench_id(15, o, n), bench_id(9, o, n), 'succeeded', 'check', 150, 'USD',
       starts + interval '5 days', starts + interval '5 days'
  from bench_tickets where not is_open and n % 10 < 7 and n <= 940;
insert into links (id, org_id, kind, subject_id, token_hash)
select bench_id(22, o, n), bench_id(1, o, 0), 'invoice', bench_id(15, o, n), sha256(convert_to(format('bench-link-%s-%s', o, n), 'UTF8'))
  from bench_tickets where not is_open and n % 10 < 7 and n > 900;
-- Reviewed close-outs of the open tickets, ready to be completed.
insert into closeouts (id, org_id, ticket_id, member_id, state, step, reviewed_at, draft)
select bench_id(18, o, n), bench_id(1, o, 0), bench_id(9, o, n), bench_id(3, o, m), 'reviewed', 'review', now(),
       jsonb_build_object('worked_minutes', 90, 'prices_confirmed', true, 'notes', 'All good. Dog Biscuit (lab), friendly.', 'next', jsonb_build_object('kind', 'no'),
         'attributes', '[]'::jsonb,
         'lines', jsonb_build_array(jsonb_build_object('id', bench_id(10, o, n * 2), 'kind', 'fixed', 'description', 'Service', 'quantity', '1', 'unit_price', '75.00'),
                                    jsonb_build_object('id', bench_id(10, o, n * 2 + 1), 'kind', 'fixed', 'description', 'Service', 'quantity', '1', 'unit_price', '75.00')))
  from bench_tickets where is_open;
drop table bench_tickets;
insert into counters (org_id, kind, last) select bench_id(1, o, 0), k, 1000 from generate_series({from}, {to}) o, unnest(array['ticket', 'invoice']) k;
insert into contact_search (org_id, contact_id, names, doc)
select c.org_id, c.id, app.contact_names(c.name, c.nickname, c.company),
       app.fold(concat_ws(' ', c.name, e.address, p.typed, p.match_key, a.street, a.city, a.postal_code, a.access_notes, 'pet dog (lab) property 2 story in back',
         'In and out, all good. Back windows very dirty from the pollen, took longer.'))
  from generate_series({from}, {to}) o
  join contacts c on c.org_id = bench_id(1, o, 0)
  join contact_emails e on e.org_id = c.org_id and e.contact_id = c.id
  join contact_phones p on p.org_id = c.org_id and p.contact_id = c.id
  join addresses a on a.org_id = c.org_id and a.contact_id = c.id;
set session_replication_role = origin;
