// A phone whose link is in the test's hand, and what a technician's visit looks like from the server.
import { startProxy } from './engines/proxy.mjs';
import { act, data, port, within } from './support.mjs';

export const at = (page, heading) => page.getByRole('heading', { level: 1, name: heading }).waitFor();
export const strip = (page) => page.locator('#queue');
let visits = 0;

/** A visit of today for the first technician, with a customer of its own. */
export async function visit(name = `Olga Offline ${(visits += 1)}`) {
  const [first_name, ...rest] = name.split(' ');
  const contact = await act('owner', 'contact.create', { first_name, last_name: rest.join(' '), emails: [{ address: `${name.toLowerCase().replaceAll(' ', '.')}@example.org` }] });
  const { members } = await technicians();
  const starts = Date.now() + visits * 60_000;
  const made = await act('owner', 'ticket.create', {
    contact_id: contact.id,
    starts_at: new Date(starts).toISOString(),
    ends_at: new Date(starts + 3600_000).toISOString(),
    member_ids: members,
    override_reason: 'a test',
    lines: [{ kind: 'flexible', description: 'Windows', quantity: '1', unit_price: '150.00' }],
  });
  return { id: made.id, contact: contact.id, path: `/tickets/${made.id}`, name };
}

export async function technicians() {
  const all = await data('owner', 'type=members');
  return { members: [all.find((m) => /tech1/.test(JSON.stringify(m)))?.id ?? all.find((m) => m.role === 'staff').id] };
}

/** The demo's technician is at work: a clock runs somewhere. */
export async function clockedOut() {
  const { members: [member_id] } = await technicians();
  const running = await data('owner', `type=clock_entries&running=true&member_id=${member_id}`);
  for (const c of running) await act('owner', 'ticket.clock_out', { ticket_id: c.ticket_id, member_id });
}

/** Opens the app through the link; the worker stands behind the page, and what `paths` show is kept. */
export async function onPhone(open, link, paths, role = 'technician') {
  await clockedOut();
  const page = await open(role, { through: link });
  await page.goto('/');
  await page.evaluate(() => navigator.serviceWorker.ready);
  await within(10, 'worker behind the page', () => page.evaluate(() => Boolean(navigator.serviceWorker.controller)));
  for (const path of paths) {
    await page.goto(path);
    await kept(page, path);
  }
  return page;
}

export const kept = (page, path) => within(30, `kept ${path}`, () => page.evaluate(async (p) => {
  for (const name of await caches.keys()) if (name.startsWith('kept:') && await (await caches.open(name)).match(p, { ignoreVary: true })) return true;
  return false;
}, path));

export const queue = (page) => page.evaluate(() => new Promise((done, fail) => {
  const asked = indexedDB.open('rounds', 1);
  asked.onerror = () => fail(asked.error);
  asked.onsuccess = () => {
    const all = asked.result.transaction('queue').objectStore('queue').getAll();
    all.onsuccess = () => { asked.result.close(); done(all.result); };
  };
}));

/** A form that was pressed has put its entry away: nothing says any more that it is being sent. */
export const atRest = (page) => within(15, 'form at rest', () => page.evaluate(() => !document.querySelector('form[aria-busy]')).catch(() => false));

export const emptied = (page, seconds = 40) => within(seconds, 'empty queue', async () => {
  await atRest(page);
  await page.evaluate(() => navigator.serviceWorker.ready.then((r) => r.active.postMessage({ flush: 1 })));
  return (await queue(page)).filter((e) => e.state !== 'ready').length === 0;
});

export const clockOf = (id) => data('owner', `type=clock_entries&ticket_id=${id}`);
export const notesOf = (contact) => data('owner', `type=notes&contact_id=${contact}`);

export async function withLink(body) {
  const link = await startProxy(port);
  try {
    await body(link);
  } finally {
    await link.stop();
  }
}
