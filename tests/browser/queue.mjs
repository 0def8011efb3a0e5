// What a phone's queue does with a server that fails, what is fetched ahead, and how old a page may be.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import { at, atRest, clockOf, emptied, kept, notesOf, onPhone, queue, strip, visit, withLink } from './phone.mjs';
import { act, check, within } from './support.mjs';

const flush = (page) => page.evaluate(() => navigator.serviceWorker.ready.then((r) => r.active.postMessage({ flush: 1 })));

async function note(page, words) {
  await page.getByLabel('New note').fill(words);
  await page.getByRole('button', { name: 'Add note' }).click();
  await atRest(page);
}

check('what the server fails at five times is put before the person, and the next ones go on', (open) => withLink(async (link) => {
  const v = await visit();
  const page = await onPhone(open, link, [v.path]);
  link.fault = (line) => /^POST .*\/notes/.test(line) && 500;
  await note(page, 'The dog bites.');
  await page.getByRole('button', { name: 'Clock in' }).click();
  await within(30, 'the clock behind it', async () => (await flush(page), (await clockOf(v.id)).length === 1));
  assert.equal(link.failed, 5);
  await page.goto(v.path);
  const refused = strip(page).locator('li.bad');
  assert.match(await refused.innerText(), /Not taken: Something broke on our side\.[\s\S]*The dog bites\./);
  assert.equal((await notesOf(v.contact)).length, 0);
  // The server is mended; the person sends it again.
  link.fault = undefined;
  await refused.getByRole('button', { name: 'Send it anyway' }).click();
  await within(20, 'the note', async () => (await notesOf(v.contact)).length === 1);
  await within(10, 'empty queue', async () => (await queue(page)).length === 0);
}), { expected: /500/ });

check('a server that asks for a moment (503) is waited for', (open) => withLink(async (link) => {
  const v = await visit();
  const page = await onPhone(open, link, [v.path]);
  link.fault = (line) => /^POST .*\/notes/.test(line) && 503;
  await note(page, 'Ring twice.');
  await within(30, 'seven tries', async () => (await flush(page), link.failed >= 7));
  assert.deepEqual((await queue(page)).map((e) => e.state), ['waiting']);
  link.fault = undefined;
  await emptied(page);
  assert.equal((await notesOf(v.contact)).length, 1);
}), { expected: /503/ });

check('a form that meets a failing server does not say that nothing was saved', (open) => withLink(async (link) => {
  const page = await onPhone(open, link, [], 'owner');
  await page.goto('/contacts/new');
  await page.getByLabel('Last name').fill('Doubtful');
  link.fault = (line) => /^POST \/contacts/.test(line) && 502;
  await page.getByRole('button', { name: 'Add customer' }).click();
  const said = page.locator('#status .flash');
  await said.waitFor();
  assert.match(await said.innerText(), /Send it again, it counts once: what you typed is still here/);
  assert.doesNotMatch(await said.innerText(), /not saved/);
}), { expected: /502/ });

check('who taps a visit at once still has today and tomorrow on the phone', (open) => withLink(async (link) => {
  const [v, w] = [await visit(), await visit()];
  const page = await open('technician', { through: link });
  await page.goto('/');
  await page.goto(v.path);
  for (const path of [w.path, `${w.path}/closeout`, `/contacts/${w.contact}`, '/calendar']) await kept(page, path);
  // Once it is all there, it is not asked for again with every page.
  const asked = () => link.seen.filter(({ line }) => line === 'GET /keep').length;
  await within(60, 'the mark', () => page.evaluate(async () => (await caches.match('/keep'))?.headers.has('x-kept-at')));
  const before = asked();
  await page.goto(w.path);
  await pause(1000);
  assert.equal(asked(), before);
}));

check('back on the link one box says one thing, and no page is older than what was sent', (open) => withLink(async (link) => {
  const v = await visit();
  const page = await onPhone(open, link, [v.path, '/']);
  await link.cut();
  await page.goto(v.path);
  await strip(page).getByText(/No link\. This page is as of/).waitFor();
  await page.getByRole('button', { name: 'Clock in' }).click();
  await strip(page).getByText('Waiting for the link').waitFor();
  await atRest(page);
  await link.mend();
  await flush(page);
  await page.getByText('Sent: Clock in').waitFor();
  await strip(page).getByText('The link is back.').waitFor();
  assert.doesNotMatch(await page.locator('body').innerText(), /No link/);
  // Nobody waited for that answer's page: it is not shown for the one of now.
  await act('owner', 'ticket.clock_out', { ticket_id: v.id, member_id: (await clockOf(v.id))[0].member_id });
  await act('owner', 'note.create', { contact_id: v.contact, ticket_id: v.id, body: 'From the office, just now.' });
  await page.goto(v.path);
  await at(page, new RegExp(v.name));
  await page.getByText('From the office, just now.').waitFor({ timeout: 3000 });
}));

check('keys pressed before their script is here are held', async (open) => {
  const page = await open('owner', { desk: true });
  let let_go;
  const held = new Promise((done) => { let_go = done; });
  await page.route(/\/assets\/desk-/, async (route) => {
    await held;
    await route.continue();
  });
  await page.goto('/');
  await page.keyboard.type('/nadia', { delay: 20 });
  let_go();
  const find = page.locator('#find');
  await within(5, 'the search', async () => (await find.inputValue()) === 'nadia');
  assert.equal(new URL(page.url()).pathname, '/');
  assert.ok(await find.evaluate((el) => el === document.activeElement));
  await page.keyboard.type(' b');
  assert.equal(await find.inputValue(), 'nadia b');
});
