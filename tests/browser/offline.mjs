// F1–F3: a phone without a link, or with one that comes and goes. The link is a proxy in the test's hand; the service worker, the queue
// and the database are real. Nothing typed is lost, nothing happens twice, what was sent first happens first.
import assert from 'node:assert/strict';

import { at, atRest, clockOf, emptied, kept, notesOf, onPhone, queue, strip, visit, withLink } from './phone.mjs';
import { act, check, data, forget, signInLink, within } from './support.mjs';

/** Presses as a person would: again, as long as the page says that nothing was sent. */
async function again(page, button, arrived) {
  let said = 0;
  for (let tries = 0; tries < 5 && !arrived(new URL(page.url())); tries += 1) {
    await button.click();
    await within(20, 'page after the button', async () => arrived(new URL(page.url())) || ((await page.locator('#status').innerText().catch(() => '')).includes('This was not sent')
      && page.evaluate(() => !document.querySelector('form[aria-busy]')).catch(() => false)));
    said += arrived(new URL(page.url())) ? 0 : 1;
  }
  assert.ok(said > 0, 'the lost answer was told');
  assert.ok(arrived(new URL(page.url())), page.url());
}

check('f1_the_whole_close_out_without_a_link_from_the_first_tap', (open) => withLink(async (link) => {
  const v = await visit();
  const page = await onPhone(open, link, [v.path, `${v.path}/closeout`, '/']);
  await link.cut();

  await page.goto('/');
  await strip(page).getByText(/No link\. This page is as of \d/).waitFor();
  await page.goto(v.path);
  await page.getByRole('button', { name: 'Clock in' }).click();
  await page.getByText('Waiting for the link').first().waitFor();
  await page.reload();
  await strip(page).getByText(/Clock in.*Olga Offline/).first().waitFor();
  await page.getByRole('button', { name: 'Clock out' }).click();
  await within(10, 'second entry', async () => (await queue(page)).length === 2);
  await page.getByLabel('New note').fill('Ring twice. Gate code 4411.');
  await page.getByRole('button', { name: 'Add note' }).click();
  await within(10, 'third entry', async () => (await queue(page)).length === 3);

  await page.getByRole('link', { name: 'Close out', exact: true }).click();
  await at(page, 'What was done');
  await page.getByLabel('Hours').fill('2');
  await page.locator('[name=worked_minutes]').fill('5');
  await page.reload();
  assert.equal(await page.getByLabel('Hours').inputValue(), '2');
  await page.getByRole('button', { name: 'Next: notes' }).click();
  await page.getByLabel('What should we remember?').fill('Dog named Biscuit, keep gate closed.');
  await page.reload();
  await at(page, 'Notes');
  await page.getByRole('button', { name: 'Next: next visit' }).click();
  await page.getByLabel('No next visit').check();
  await page.reload();
  await at(page, 'Next visit');
  await page.getByRole('button', { name: 'Next: review' }).click();
  await page.getByText('the review then waits for you').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Complete ticket' }).isVisible(), false);
  await page.reload();
  await at(page, 'Is this right?');
  await within(10, 'fourth entry, once', async () => (await queue(page)).length === 4);

  const began = (await queue(page)).map((e) => e.label);
  assert.deepEqual(began, ['Clock in', 'Clock out', 'Note', 'Close-out']);
  await page.goto('/');
  await link.mend();
  await emptied(page);
  const posts = link.seen.filter((s) => s.line.startsWith('POST') && s.headers['x-rounds-who'] && !s.line.includes('/closeout/notes')).map((s) => s.line.split('/').at(-1));
  assert.deepEqual(posts.slice(0, 3), ['clock-in', 'clock-out', 'notes']);
  await strip(page).getByRole('link', { name: 'Review and complete' }).click();
  await at(page, 'Is this right?');
  await page.locator('input[name^=attributes][name$=value][value="dog (Biscuit)"]').waitFor();
  await page.getByRole('button', { name: 'Complete ticket' }).click();
  await page.waitForURL(/\/closeout\/money$/);
  const closed = await data('owner', `type=tickets&id=${v.id}`);
  assert.deepEqual([closed.state, closed.worked_minutes], ['closed', 125]);
  assert.equal((await clockOf(v.id)).length, 1);
  assert.equal((await notesOf(v.contact)).filter((n) => /4411/.test(n.body)).length, 1);
  await within(10, 'empty strip', async () => (await queue(page)).length === 0);
}));

check('f3_a_request_lost_before_or_after_the_server_counts_once', (open) => withLink(async (link) => {
  const v = await visit();
  const page = await onPhone(open, link, [v.path]);
  const cases = [
    ['dropRequests', 'Clock in'], ['dropResponses', 'Clock out'],
    ['dropResponses', 'Clock in'], ['dropRequests', 'Clock out'],
  ];
  for (const [drop, name] of cases) {
    await page.goto(v.path);
    link[drop](1, /^POST .*clock-/);
    await page.getByRole('button', { name }).click();
    await emptied(page);
  }
  assert.equal(link.dropped, 4);
  const times = await clockOf(v.id);
  assert.equal(times.length, 2, JSON.stringify(times));
  assert.ok(times.every((t) => t.clocked_out_at));

  for (const drop of ['dropRequests', 'dropResponses']) {
    await page.goto(v.path);
    link[drop](1, /^POST .*\/notes/);
    await page.getByLabel('New note').fill(`Lost by ${drop}.`);
    await page.getByRole('button', { name: 'Add note' }).click();
    await emptied(page);
    assert.equal((await notesOf(v.contact)).filter((n) => n.body === `Lost by ${drop}.`).length, 1);
  }

  // The review, completing and the money are not queued: the page stays, and the same button again is counted once.
  await page.goto(`${v.path}/closeout`);
  await page.getByLabel('Hours').fill('1');
  await page.getByRole('button', { name: 'Next: notes' }).click();
  await page.getByRole('button', { name: 'Next: next visit' }).click();
  await page.getByLabel('No next visit').check();
  link.dropResponses(1, /^POST .*\/closeout\/review/);
  await page.getByRole('button', { name: 'Next: review' }).click();
  await within(30, 'review after all', () => page.getByRole('button', { name: 'Complete ticket' }).isVisible());
  const money = (url) => url.pathname.endsWith('/closeout/money');
  // The browser tries a lost request once more by itself for every connection that it kept open: so many answers have to go that a person
  // notices, and few enough that pressing again gets through.
  link.dropResponses(4, /^POST .*\/closeout\/(?!notes)/);
  await again(page, page.getByRole('button', { name: 'Complete ticket' }), money);
  link.dropResponses(4, /^POST .*\/money/);
  await again(page, page.getByRole('button', { name: 'Paid already' }), (url) => !money(url));
  assert.equal((await data('owner', `type=tickets&id=${v.id}`)).state, 'closed');
}));

check('f3_two_hundred_flaps_in_a_day_of_ten_tickets', (open) => withLink(async (link) => {
  const day = [];
  for (let i = 0; i < 10; i += 1) day.push(await visit());
  const page = await onPhone(open, link, day.map((v) => v.path));
  let flaps = 0;
  let running = true;
  // Repeatable: a small generator instead of chance.
  let seed = 4711;
  const chance = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  const flapping = (async () => {
    while (running) {
      await link.cut();
      await new Promise((done) => setTimeout(done, 20 + chance(150)));
      await link.mend();
      flaps += 1;
      await new Promise((done) => setTimeout(done, 20 + chance(250)));
    }
  })();
  for (const v of day) {
    for (const what of ['Clock in', 'note', 'Clock out']) {
      await page.goto(v.path).catch(() => {});
      await page.goto(v.path, { waitUntil: 'domcontentloaded' });
      if (what === 'note') {
        await page.getByLabel('New note').fill(`Note of ${v.name}`);
        await page.getByRole('button', { name: 'Add note' }).click();
      } else await page.getByRole('button', { name: what }).click();
      // Stored before anything else: then the tab may go where it likes.
      await atRest(page);
    }
  }
  while (flaps < 200) await new Promise((done) => setTimeout(done, 100));
  running = false;
  await flapping;
  await link.mend();
  await page.goto('/');
  await emptied(page);
  for (const v of day) {
    const times = await clockOf(v.id);
    assert.equal(times.length, 1, `${v.name}: ${JSON.stringify(times)}`);
    assert.ok(times[0].clocked_out_at, v.name);
    assert.equal((await notesOf(v.contact)).filter((n) => n.body === `Note of ${v.name}`).length, 1, v.name);
  }
  // The order is the order of the day.
  const events = await Promise.all(day.map(async (v) => (await clockOf(v.id))[0].clocked_in_at));
  assert.deepEqual(events, [...events].sort());
}), { timeout: 400_000 });

check('f3_a_session_that_ended_meanwhile_and_another_member_on_the_same_phone', (open) => withLink(async (link) => {
  const v = await visit();
  const page = await onPhone(open, link, [v.path]);
  await link.cut();
  await page.getByRole('button', { name: 'Clock in' }).click();
  await page.getByText('Waiting for the link').first().waitFor();
  // The session is gone, the link is back.
  await page.context().clearCookies();
  await link.mend();
  await page.evaluate(() => navigator.serviceWorker.ready.then((r) => r.active.postMessage({ flush: 1 })));
  await strip(page).getByRole('link', { name: 'Sign in again to send it' }).waitFor();
  assert.equal((await clockOf(v.id)).length, 0);

  // Somebody else signs in on this phone: nothing of the first one's is sent or shown.
  const comeIn = async (role) => {
    await page.goto(signInLink(role).replace(/^https?:\/\/[^/]+/, link.url));
    await Promise.all([page.waitForURL((url) => !url.pathname.startsWith('/sign-in')), page.locator('main form button').click()]);
  };
  await comeIn('second');
  await strip(page).getByText('Entries of another sign-in wait').waitFor();
  assert.doesNotMatch(await strip(page).innerText(), /Olga/);
  assert.equal((await clockOf(v.id)).length, 0);
  assert.deepEqual(await page.evaluate((p) => caches.match(p, { ignoreVary: true }).then(Boolean), v.path), false);

  await page.context().clearCookies();
  await comeIn('technician');
  await emptied(page);
  assert.equal((await clockOf(v.id)).length, 1);
}));

check('f3_a_new_release_while_the_phone_has_no_link', (open) => withLink(async (link) => {
  const v = await visit();
  const page = await onPhone(open, link, [v.path]);
  await link.cut();
  await page.getByRole('button', { name: 'Clock in' }).click();
  await page.getByText('Waiting for the link').first().waitFor();
  // Another release: every file has another name, the old names are gone, the worker is another one.
  const other = (text) => text.replace(/\/assets\/(\w+)-([0-9a-f]{8})\./g, '/assets/$1-$2ff.');
  link.rewrite = (line, body) => (/^GET \/assets\/\w+-[0-9a-f]{8}\./.test(line) ? null : `${other(body)}${/sw\.js/.test(line) ? '\n// another release' : ''}`);
  link.asked = (path) => path.replace(/^(\/assets\/\w+-[0-9a-f]{8})ff\./, '$1.');
  // Still without a link, the kept page works with the files it was made with.
  await page.reload();
  await strip(page).getByText('Clock in').first().waitFor();
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.querySelector('.btn')).borderRadius), '0px');
  await link.mend();
  await page.goto('/');
  assert.match(await page.content(), /app-[0-9a-f]{8}ff\.js/);
  await emptied(page);
  assert.equal((await clockOf(v.id)).length, 1);
}));

check('f2_a_browser_that_keeps_nothing_says_so_and_still_works', (open) => withLink(async (link) => {
  const v = await visit();
  for (const broken of ['IDBFactory.prototype.open = () => { throw new DOMException("no", "SecurityError"); }',
    'IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); }',
    'Object.defineProperty(navigator, "serviceWorker", { value: undefined })']) {
    const page = await open('technician', { through: link });
    await page.addInitScript(broken);
    await page.goto(v.path);
    await strip(page).getByText('This browser keeps nothing without a link').waitFor();
    await page.getByLabel('New note').fill(`Kept all the same: ${broken.length}`);
    await Promise.all([page.waitForResponse((r) => r.request().method() === 'POST' && r.url().includes('/notes')), page.getByRole('button', { name: 'Add note' }).click()]);
    await within(10, 'the note', async () => (await notesOf(v.contact)).some((n) => n.body === `Kept all the same: ${broken.length}`));
  }
}));

check('f3_a_visit_moved_cancelled_or_closed_meanwhile_shows_both_sides', (open) => withLink(async (link) => {
  const [moved, cancelled] = [await visit(), await visit()];
  const page = await onPhone(open, link, [moved.path, cancelled.path]);
  await link.cut();
  for (const v of [moved, cancelled]) {
    await page.goto(v.path);
    await page.getByRole('button', { name: 'Clock in' }).click();
    await page.getByText('Waiting for the link').first().waitFor();
  }
  const later = new Date(Date.now() + 3 * 86_400_000).toISOString();
  const until = new Date(Date.parse(later) + 3600_000).toISOString();
  await act('owner', 'ticket.reschedule', { ticket_id: moved.id, starts_at: later, ends_at: until, override_reason: 'a test' });
  await act('owner', 'ticket.cancel', { ticket_id: cancelled.id, reason: 'Rain all day' });
  await link.mend();
  await page.goto('/');
  const refused = strip(page).locator('li.bad');
  await within(20, 'two refused entries', async () => (await refused.count()) === 2);
  assert.match(await refused.nth(0).innerText(), /moved from .* to .* in the meantime, by/);
  assert.match(await refused.nth(1).innerText(), /cancelled in the meantime, by/);
  assert.equal((await clockOf(moved.id)).length, 0);
  // The person decides: the one counts after all, the other is dropped.
  const tapped = (await queue(page))[0].at;
  await refused.nth(0).getByRole('button', { name: 'Send it anyway' }).click();
  await within(20, 'the clock', async () => (await clockOf(moved.id)).length === 1);
  assert.ok(Math.abs(Date.parse((await clockOf(moved.id))[0].clocked_in_at) - tapped) < 3000);
  page.once('dialog', (d) => d.accept());
  await refused.first().getByRole('button', { name: 'Drop it' }).click();
  await within(10, 'empty queue', async () => (await queue(page)).length === 0);
}));

check('f3_two_phones_on_one_close_out_keep_both', (open) => withLink(async (link) => {
  const v = await visit();
  const first = await onPhone(open, link, [`${v.path}/closeout`]);
  await first.getByLabel('Hours').fill('1');
  await first.getByRole('button', { name: 'Next: notes' }).click();
  await link.cut();
  await first.getByLabel('What should we remember?').fill('From the first phone.');
  await first.getByRole('button', { name: 'Next: next visit' }).click();
  await first.getByLabel('No next visit').check();
  await first.getByRole('button', { name: 'Next: review' }).click();
  await first.getByText('the review then waits for you').waitFor();

  const second = await open('owner');
  await second.goto(`${v.path}/closeout`);
  await second.getByLabel('Hours').fill('3');
  await second.getByRole('button', { name: 'Next: notes' }).click();
  await second.getByLabel('What should we remember?').fill('From the second phone.');
  await second.getByRole('button', { name: 'Next: next visit' }).click();
  await second.getByLabel('No next visit').check();
  await second.getByRole('button', { name: 'Next: review' }).click();
  await second.getByRole('button', { name: 'Complete ticket' }).waitFor();
  await second.locator('[data-review-into] .card').first().waitFor();

  await link.mend();
  await first.goto('/');
  const refused = strip(first).locator('li.bad');
  await refused.waitFor();
  assert.match(await refused.innerText(), /saved this close-out too/);
  await refused.getByRole('button', { name: 'Look at it' }).click();
  await first.locator('[data-theirs]').waitFor();
  assert.match(await first.locator('[data-theirs]').innerText(), /From the second phone/);
  assert.equal(await first.locator('textarea[name=notes]').inputValue(), 'From the first phone.');
  assert.equal((await data('owner', `type=closeouts&ticket_id=${v.id}`))[0].draft.notes, 'From the second phone.');
}));

check('signing out asks about what is unsent, keeps it, and erases the pages', (open) => withLink(async (link) => {
  const v = await visit();
  const page = await onPhone(open, link, [v.path, '/more']);
  await link.cut();
  await page.goto(v.path);
  await page.getByRole('button', { name: 'Clock in' }).click();
  await page.getByText('Waiting for the link').first().waitFor();
  link.dropRequests(1000, /clock-in/);
  await link.mend();
  await page.goto('/more');
  let asked = '';
  page.once('dialog', (d) => { asked = d.message(); d.dismiss(); });
  await page.getByRole('button', { name: 'Sign out' }).click();
  await within(5, 'question', () => asked);
  assert.match(asked, /not sent yet/);
  assert.equal(new URL(page.url()).pathname, '/more');
  page.once('dialog', (d) => d.accept());
  forget('technician');
  await Promise.all([page.waitForURL(/\/sign-in/), page.getByRole('button', { name: 'Sign out' }).click()]);
  await within(10, 'erased pages', () => page.evaluate(async () => (await caches.keys()).every((name) => !name.startsWith('kept:'))));
  assert.equal((await queue(page)).length, 1);
}));

check('today and tomorrow are fetched ahead on a good link, and a line changed without a link is sent once, both sides shown', (open) => withLink(async (link) => {
  const [v, w] = [await visit(), await visit()];
  const page = await onPhone(open, link, []);
  const ahead = () => page.evaluate(() => navigator.serviceWorker.ready.then((r) => r.active.postMessage({ ahead: 1 })));
  await ahead();
  const lines = async (t) => (await data('owner', `type=tickets&id=${t.id}&include=line_items`)).line_items;
  const [mine, theirs] = [(await lines(v))[0], (await lines(w))[0]];
  for (const path of [v.path, `${v.path}/closeout`, `/contacts/${v.contact}`, `${v.path}/lines/new`, `${v.path}/lines/${mine.id}`, `${w.path}/lines/${theirs.id}`, '/calendar']) await kept(page, path);
  await link.cut();
  // Never opened on this phone before.
  await page.goto(v.path);
  await page.getByText(/No link\. This page is as of/).waitFor();
  for (const [t, line] of [[v, mine], [w, theirs]]) {
    await page.goto(`${t.path}/lines/${line.id}`);
    await page.getByLabel('Price each').fill('175');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForURL((url) => url.pathname === t.path);
  }
  await act('owner', 'ticket.update_line', { line_id: theirs.id, unit_price: '190.00' });
  await link.mend();
  const refused = strip(page).locator('li.bad');
  await within(20, 'one refused, one sent', async () => (await refused.count()) === 1 && (await queue(page)).length === 1);
  assert.equal(Number((await lines(v))[0].unit_price), 175);
  assert.equal(Number((await lines(w))[0].unit_price), 190);
  await refused.getByRole('button', { name: 'Look at it' }).click();
  await page.getByRole('heading', { name: 'Both versions' }).waitFor();
  assert.match(await page.locator('main table').innerText(), /190\.00[\s\S]*175/);
  assert.equal(await page.getByLabel('Price each').inputValue(), '175');
}));

check('f3_a_form_that_meets_a_page_saying_no_stays_with_what_was_typed', (open) => withLink(async (link) => {
  const page = await onPhone(open, link, [], 'owner');
  await page.goto('/contacts/new');
  await page.getByLabel('First name').fill('Nora');
  await page.getByLabel('Last name').fill(`Outlast ${Date.now()}`);
  const save = page.getByRole('button', { name: /^(Save|Create|Add)/ }).first();
  const cookies = await page.context().cookies();
  await page.context().clearCookies();
  await save.click();
  await page.getByText('You are signed out; sign in again in another tab.').waitFor();
  assert.equal(await page.getByLabel('First name').inputValue(), 'Nora');
  // Signed in again, the same page goes on.
  await page.context().addCookies(cookies);
  await Promise.all([page.waitForURL(/\/contacts\/[0-9a-f-]{36}/), save.click()]);
  await at(page, /Nora Outlast/);
}));

check('a page asked for under the finger is fetched once', (open) => withLink(async (link) => {
  const v = await visit();
  const page = await onPhone(open, link, []);
  await page.goto('/calendar?view=list');
  const fetched = () => link.seen.filter(({ line }) => line === `GET ${v.path}`).length;
  const there = page.locator(`a[href="${v.path}"]`).first();
  const before = fetched();
  await there.dispatchEvent('touchstart');
  await within(5, 'fetched ahead', () => fetched() === before + 1);
  await Promise.all([page.waitForURL((url) => url.pathname === v.path), there.click()]);
  await at(page, new RegExp(v.name));
  assert.equal(fetched(), before + 1);
}));
