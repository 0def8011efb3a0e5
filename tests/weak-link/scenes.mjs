// What is measured: the first visit, pages from a warm and a cold phone, and the whole of the close-out.
import { openPhone, quiet, watchWire } from './phone.mjs';

const notes = 'Elderly woman, very nice. 20+ screens. Dog named Biscuit, keep gate closed.';
const owner = 'owner@example.com';
const technician = 'tech1@example.com';
const paths = {
  home: /\/$/,
  ticket: /\/tickets\/[0-9a-f-]{36}$/,
  wizard: /\/tickets\/[0-9a-f-]{36}\/closeout(\/what)?(#.*)?$/,
  customer: /\/contacts\/[0-9a-f-]{36}$/,
  customers: /\/contacts(\?.*)?$/,
  calendar: /\/calendar/,
  money: /\/closeout\/money$/,
};
/** What a page of the product is called in the table. */
export const nameOf = (path) => Object.keys(paths).find((name) => paths[name].test(path.replace(/[?#].*/, '')))
  ?? path.replace(/[?#].*/, '').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '{id}');

/** Who books and who works; no clock of the demo's day runs on. */
export async function people({ demo }) {
  const member = (await demo.data(owner, 'type=members')).find((m) => m.email === technician);
  const open = await demo.data(owner, 'type=tickets&state=in_progress');
  for (const ticket of open) await demo.act(technician, 'ticket.clock_out', { ticket_id: ticket.id }).catch(() => {});
  let made = 0;
  return {
    /** Makes the technician's current ticket: planned for now, clocked in and out, its price an estimate. */
    async currentTicket() {
      made += 1;
      const contact = await demo.act(owner, 'contact.create', {
        first_name: 'Wilma', last_name: `Weak ${made}`, emails: [{ address: `wilma${made}@example.org` }],
      });
      const at = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString().replace(/:\d\d\.\d+Z/, ':00Z');
      const { id } = await demo.act(owner, 'ticket.create', {
        contact_id: contact.id, starts_at: at(-180), ends_at: at(90), member_ids: [member.id], override_reason: 'measured', ask_customer: false,
        is_price_estimated: true,
        lines: [
          { kind: 'flexible', description: 'Interior and exterior windows', quantity: '1' },
          { kind: 'per_unit', description: 'Screen cleaning', quantity: '20', unit_price: '5.00' },
        ],
      });
      await demo.act(technician, 'ticket.clock_in', { ticket_id: id });
      await demo.act(technician, 'ticket.clock_out', { ticket_id: id });
      return { id, contact: contact.id };
    },
  };
}

/** From the sign-in link to a home page that can be used, on a phone that was never here. */
export async function firstVisit(place) {
  const link = place.demo.tell('sign-in-link', technician);
  const wire = await watchWire(place);
  const from = place.requests.length;
  const phone = await openPhone(place);
  await phone.open(link);
  await phone.go('main form button', paths.home);
  const usable = place.requests.slice(from);
  const all = await wire();
  const bytes = (list) => list.reduce((sum, r) => sum + r.bytes, 0);
  const session = await phone.session();
  await phone.close();
  return { session, payload: bytes(usable), ahead: bytes(all.requests) - bytes(usable), travelled: all.bytes, requests: all.requests };
}

/** Round and round the technician's pages on a phone that knows them. */
export async function warmPages(place, { session, js, runs }) {
  const phone = await openPhone(place, { session, js });
  const times = {};
  const from = place.requests.length;
  await phone.open('/');
  await quiet(place);
  // The first round makes the phone warm.
  for (let lap = 0; lap <= runs; lap += 1) {
    const round = [
      ['ticket', '.now', paths.ticket],
      ['wizard', '.bar a.go', paths.wizard],
      ['ticket', '.back', paths.ticket],
      ['customer', 'main .acts a[href^="/contacts/"]', paths.customer],
      ['customers', '.back', paths.customers],
      ['calendar', '.nav li a[href="/calendar"]', paths.calendar],
      ['home', '.nav li a[href="/"]', paths.home],
    ];
    for (const [name, target, to] of round) {
      const took = await phone.go(target, to);
      if (lap > 0) (times[name] ??= []).push(took);
    }
  }
  await phone.close();
  return { times, requests: place.requests.slice(from) };
}

/** Each of the pages as the first one on a phone that keeps nothing but its session. */
export async function coldPages(place, { session, js, runs, ticket }) {
  const times = {};
  const pages = { home: '/', ticket: `/tickets/${ticket.id}`, wizard: `/tickets/${ticket.id}/closeout`, customer: `/contacts/${ticket.contact}`, calendar: '/calendar' };
  for (let i = 0; i < runs; i += 1) {
    for (const [name, path] of Object.entries(pages)) {
      const phone = await openPhone(place, { session, js });
      (times[name] ??= []).push(await phone.open(path));
      await phone.close();
    }
  }
  return { times };
}

/** The close-out from the current ticket to the calendar. */
export async function closeOut(place, phone) {
  const { js } = phone;
  await phone.open('/');
  const wire = await watchWire(place);
  const times = {};
  times.ticket = await phone.go('.now', paths.ticket);
  times.wizard = await phone.go('.bar a.go', paths.wizard);
  const inWizard = place.requests.length;
  const step = async (name) => {
    const shown = `[data-step=${name}]:not([hidden])`;
    if (js) await phone.tap('[data-next]', shown);
    else times[name] = await phone.go('.bar button[value=next]', new RegExp(`/closeout/${name}$`));
  };
  await phone.write('[name=worked_hours]', '3');
  await phone.write('[name=worked_minutes]', '22');
  await phone.write('[data-price]', '562.00');
  await phone.tick('[name=prices_confirmed]');
  await step('notes');
  await phone.write('[name=notes]', notes);
  await step('next');
  await phone.tick('[name=next][value=reach_out]');
  const typed = place.requests.slice(inWizard);
  let review;
  if (js) review = await phone.tap('[data-next]', '[data-review-into]:not([aria-busy]) [name^=attributes][name$=value]');
  else await step('review');
  times.money = await phone.go('[data-done]', paths.money);
  times.calendar = await phone.go('button[value=handled_elsewhere]', paths.calendar);
  const { bytes, requests } = await wire();
  const isAhead = (r) => js && r.method === 'POST' && /\/closeout\/notes$/.test(r.path);
  const isLive = (r) => r.type === 'text/event-stream';
  return {
    times,
    review,
    bytes,
    typed: typed.filter((r) => !isAhead(r) && !isLive(r)),
    ahead: requests.filter(isAhead),
    live: requests.filter(isLive),
    requests: requests.filter((r) => !isAhead(r) && !isLive(r)),
  };
}

/** The same, with a new current ticket each time, on one phone that knows the pages. */
export async function closeOuts(place, { session, js, runs, crew }) {
  const phone = await openPhone(place, { session, js });
  const all = [];
  for (let i = 0; i <= runs; i += 1) {
    await crew.currentTicket();
    const one = await closeOut(place, phone);
    // The first one makes the phone warm.
    if (i > 0) all.push(one);
  }
  await phone.close();
  return all;
}
