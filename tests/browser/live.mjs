// Two people at work: what one changes is on the other's screen, without a reload and without disturbing who is typing.
import assert from 'node:assert/strict';

import { act, axe, check, restart, within } from './support.mjs';

/** A visit on a free day `far` days ahead, of both technicians' business; the day as the calendar's address takes it. */
async function visit(name, far) {
  const day = new Date(Date.now() + far * 86_400_000).toISOString().slice(0, 10);
  const contact = await act('owner', 'contact.create', { first_name: name, last_name: 'Live' });
  const { id } = await act('owner', 'ticket.create', {
    contact_id: contact.id, starts_at: `${day}T15:00:00Z`, ends_at: `${day}T16:00:00Z`, ask_customer: false,
    lines: [{ kind: 'fixed', description: 'Exterior windows', quantity: '1', unit_price: '145.00' }],
  });
  return { id, day, path: `/tickets/${id}` };
}

/** Opens a path and waits until its stream is there; marks the page, so that a reload shows. A page that was slow to come (a busy machine
 * looks like a weak link) opens none: then once more. */
async function follow(page, path) {
  for (let tries = 0; tries < 6; tries += 1) {
    const stream = page.waitForResponse((answer) => answer.url().includes('/live'), { timeout: 4000 }).catch(() => null);
    await page.goto(path);
    const answer = await stream;
    if (!answer) continue;
    assert.equal(answer.headers()['content-type'], 'text/event-stream');
    return page.evaluate(() => { window.here = true; });
  }
  assert.fail(`no stream on ${path}`);
}

const isSame = (page) => page.evaluate(() => window.here === true);
const instruct = (t, instructions) => act('owner', 'ticket.update', { ticket_id: t.id, instructions });
const status = (page) => page.locator('#status');

check('a ticket that the owner moves is moved on the technician\'s open ticket, calendar and home', async (open) => {
  const t = await visit('Mona', 400);
  const today = await visit('Tess', 0);
  const [ticket, calendar, home, desk] = [await open('technician'), await open('technician', { desk: true }), await open('technician'), await open('owner', { desk: true })];
  await follow(ticket, t.path);
  await follow(calendar, `/calendar?view=week&date=${t.day}`);
  await follow(home, '/');
  const block = calendar.locator(`main a[href^="${t.path}"]`).first();
  const was = [await ticket.locator('.sub').innerText(), await block.getAttribute('class')];
  await calendar.evaluate(() => document.querySelector('main a[href*="/tickets/"]').focus());
  const held = await calendar.evaluate(() => document.activeElement.getAttribute('href'));

  await desk.goto(`${t.path}/move`);
  await desk.getByLabel('From').fill('14:30');
  await desk.getByRole('button', { name: 'Move visit' }).click();
  await desk.waitForURL(`**${t.path}`);

  await ticket.locator('.sub').filter({ hasText: /2:30|14:30/ }).waitFor();
  assert.notEqual(await ticket.locator('.sub').innerText(), was[0]);
  await within(10, 'moved block', async () => (await block.getAttribute('class')) !== was[1]);
  assert.equal(await calendar.evaluate(() => document.activeElement.getAttribute('href')), held, 'focus stays');
  assert.match(await status(ticket).innerText(), /Updated/);
  await axe(ticket);

  await act('owner', 'ticket.cancel', { ticket_id: today.id, reason: 'Rain', tell_customer: false });
  await home.locator(`main a[href="${today.path}"]`).waitFor({ state: 'detached' });
  for (const page of [ticket, calendar, home]) assert.ok(await isSame(page), 'no reload');
});

check('nothing moves under somebody who types, or has something open', async (open) => {
  const t = await visit('Nora', 401);
  const page = await open('technician');
  await follow(page, t.path);
  const note = page.getByLabel('New note');
  await note.fill('The dog is called');
  await note.blur();
  await instruct(t, 'Ring twice');
  await status(page).getByText('Changed by someone else.').waitFor();
  assert.equal(await note.inputValue(), 'The dog is called');
  assert.equal(await page.getByText('Ring twice').count(), 0);
  await axe(page);
  await Promise.all([page.waitForEvent('load'), status(page).getByRole('button', { name: 'Show' }).click()]);
  await page.getByText('Ring twice').waitFor();

  // In the field, nothing typed yet: the same. Done with it, the next change is shown.
  await follow(page, t.path);
  await note.fill('');
  await page.evaluate(() => document.querySelector('[data-typed]')?.removeAttribute('data-typed'));
  await note.focus();
  await instruct(t, 'Ring thrice');
  await status(page).getByText('Changed by someone else.').waitFor();
  await note.blur();
  await instruct(t, 'Ring no more');
  await page.getByText('Ring no more').waitFor();
  assert.ok(await isSame(page));
});

check('out of sight, offline or with the server gone a page comes back and catches up', async (open) => {
  const t = await visit('Olga', 402);
  const page = await open('technician');
  await follow(page, t.path);

  // Hidden: the stream is closed; what happened meanwhile is there when it is looked at again.
  const hide = (hidden) => page.evaluate((is) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => is });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await hide(true);
  await instruct(t, 'While hidden');
  assert.equal(await page.getByText('While hidden').count(), 0);
  await hide(false);
  await page.getByText('While hidden').waitFor();

  await page.context().setOffline(true);
  await instruct(t, 'While offline');
  await page.context().setOffline(false);
  await page.getByText('While offline').waitFor({ timeout: 30_000 });

  const again = page.waitForResponse((answer) => answer.url().includes('/live') && answer.status() === 200, { timeout: 60_000 });
  const said = await restart();
  assert.doesNotMatch(said, /cut off/, 'an open stream does not hold up the stop');
  await instruct(t, 'After the restart');
  await again;
  await page.getByText('After the restart').waitFor({ timeout: 30_000 });
  assert.ok(await isSame(page));
}, { expected: /net::ERR_(INTERNET_DISCONNECTED|CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|CONNECTION_RESET)/ });

check('no stream with Save-Data, on a weak link, or on a page that is not the day, a ticket or home', async (open) => {
  const t = await visit('Pia', 403);
  const lively = [t.path, '/calendar', '/'];
  const visitAs = async (connection) => {
    const page = await open('technician');
    const seen = [];
    page.on('request', (request) => request.url().includes('/live') && seen.push(request.url()));
    await page.addInitScript((is) => Object.defineProperty(navigator, 'connection', { get: () => is }), connection);
    return { page, seen };
  };
  const good = await visitAs({ effectiveType: '4g', rtt: 50 });
  for (const path of lively) await follow(good.page, path);
  for (const connection of [{ saveData: true }, { effectiveType: '2g' }, { effectiveType: '4g', rtt: 600 }]) {
    const { page, seen } = await visitAs(connection);
    for (const path of lively) {
      await page.goto(path);
      // Twice the time the good link's stream took to be asked for, and more.
      await page.waitForTimeout(300);
    }
    assert.deepEqual(seen, [], JSON.stringify(connection));
  }
  for (const path of ['/contacts', `${t.path}/closeout`, `${t.path}/edit`]) {
    await good.page.goto(path);
    await good.page.waitForTimeout(300);
  }
  assert.equal(good.seen.length, lively.length);
});
