// What people look at first: the calendar, the day, small screens, paper.
import assert from 'node:assert/strict';

import { act, check, data, fetchAs, mail } from './support.mjs';

const day = (far) => new Date(Date.now() + far * 86_400_000).toISOString().slice(0, 10);
/** A Tuesday about `weeks` from now. */
const tuesday = (weeks) => {
  const d = new Date(Date.now() + weeks * 7 * 86_400_000);
  d.setUTCDate(d.getUTCDate() + ((2 - d.getUTCDay() + 7) % 7));
  return d.toISOString().slice(0, 10);
};

async function technicians() {
  return (await data('owner', 'type=members')).filter((m) => m.is_technician && m.state === 'active');
}

async function visit(name, date, from, members, more = {}) {
  const contact = await act('owner', 'contact.create', { first_name: 'Leonora', last_name: name });
  const { id } = await act('owner', 'ticket.create', {
    contact_id: contact.id, starts_at: `${date}T${from}:00Z`, ends_at: `${date}T${from.replace(/^\d+/, (h) => String(Number(h) + 1).padStart(2, '0'))}:00Z`,
    member_ids: members, override_reason: 'a test', ask_customer: false, lines: [{ kind: 'fixed', description: 'Windows', quantity: '1', unit_price: '90.00' }], ...more,
  });
  return { id, contact: contact.id, path: `/tickets/${id}` };
}

check('the week of everyone says who comes, and cuts no name inside a letter', async (open) => {
  const [first, second] = await technicians();
  const date = tuesday(60);
  for (const [name, m] of [['Longlastname-Featherstone', first], ['Quillington', second], ['Brackenridge', first]]) await visit(name, date, '15:00', [m.id]);
  const page = await open('owner', { desk: true });
  await page.goto(`/calendar?view=week&date=${date}`);
  const blocks = page.locator('.block:not(.more,.unplaced):has(.crew)');
  assert.ok(await blocks.count() >= 2);
  const seen = await blocks.evaluateAll((all) => all.map((b) => {
    const [name, crew] = [b.querySelector('b'), b.querySelector('.crew')];
    const box = b.getBoundingClientRect();
    const chip = crew.getBoundingClientRect();
    return { ellipsis: getComputedStyle(name).textOverflow, whole: chip.right <= box.right && chip.bottom <= box.bottom, title: crew.title, color: getComputedStyle(crew).backgroundColor };
  }));
  assert.ok(seen.every((b) => b.ellipsis === 'ellipsis' && b.whole && b.title), JSON.stringify(seen));
  assert.equal(new Set(seen.map((b) => b.color)).size, 2);
  // The same mark stands where one chooses the technician.
  assert.equal(await page.locator('.seg .crew').count(), (await technicians()).length);
});

check('many technicians: columns keep a width and scroll sideways', async (open) => {
  const page = await open('owner', { desk: true });
  await page.goto(`/calendar?view=day&date=${tuesday(61)}`);
  const { least, scrolls, body } = await page.evaluate(() => {
    const cal = document.querySelector('.cal');
    const one = cal.querySelector('.day');
    while (cal.querySelectorAll('.day').length < 15) one.after(one.cloneNode(true));
    const widths = [...cal.querySelectorAll('.day')].map((d) => d.getBoundingClientRect().width);
    return { least: Math.min(...widths), scrolls: cal.scrollWidth > cal.clientWidth, body: document.documentElement.scrollWidth <= innerWidth };
  });
  assert.ok(least >= 110 && scrolls && body, `${least} ${scrolls} ${body}`);
});

check('a click in free time books from where one clicked', async (open) => {
  for (const wide of [true, false]) {
    const page = await open('owner', { desk: wide });
    const [first] = await technicians();
    await page.goto(`/calendar?view=day&date=${tuesday(62)}&technician=${first.id}`);
    const free = page.locator('.gap').first();
    const begins = new URL(await free.getAttribute('href'), 'http://x').searchParams.get('time');
    await page.waitForFunction(() => performance.getEntriesByType('resource').some((r) => /desk-/.test(r.name) && r.responseEnd));
    await Promise.all([page.waitForURL(/\/tickets\/new/), free.click({ position: { x: 20, y: 5 * 16 + 6 } })]);
    const [hours, minutes] = begins.split(':').map(Number);
    const wanted = hours * 60 + minutes + 75;
    assert.equal(new URL(page.url()).searchParams.get('time'), `${String(Math.floor(wanted / 60)).padStart(2, '0')}:${String(wanted % 60).padStart(2, '0')}`);
    await page.goBack();
    // By the keyboard: the whole block's start.
    await page.locator('.gap').first().focus();
    await Promise.all([page.waitForURL(/\/tickets\/new/), page.keyboard.press('Enter')]);
  }
});

check('the calendar of a phone begins with today, on a weekend too', async (open) => {
  const page = await open('owner');
  await page.goto('/calendar');
  const { today, first, shown } = await page.evaluate(() => {
    const all = [...document.querySelectorAll('.cal .day')].map((d) => [d.classList.contains('today'), d.getBoundingClientRect().top + scrollY]);
    return { today: all.find(([is]) => is)?.[1], first: Math.min(...all.map(([, top]) => top)), shown: all.length };
  });
  assert.ok(shown >= 5);
  assert.equal(today, first);
  assert.ok(today < 400, String(today));
});

check('the day shows what is still to come before what is done', async (open) => {
  const [first] = await technicians();
  const today = new Date();
  const at = (minutes) => new Date(today.getTime() + minutes * 60_000).toISOString();
  const done = await visit('Donefirst', day(0), '00:00', [first.id], { starts_at: at(-2), ends_at: at(28) });
  const next = await visit('Nextafter', day(0), '00:00', [first.id], { starts_at: at(-1), ends_at: at(59) });
  await act('owner', 'ticket.close', { ticket_id: done.id, worked_minutes: 30 });
  const page = await open('owner');
  await page.goto('/');
  const names = await page.locator('.visit .name').allInnerTexts();
  assert.ok(names.indexOf('Leonora Nextafter') >= 0 && names.indexOf('Leonora Nextafter') < names.indexOf('Leonora Donefirst'), names.join(', '));
  assert.ok(next.id);
});

check('booking or moving into the past is said', async (open) => {
  const contact = await act('owner', 'contact.create', { first_name: 'Paula', last_name: 'Past' });
  const page = await open('owner');
  const book = async (date) => {
    await page.getByLabel('Day').fill(date);
    await page.getByLabel('From').fill('09:00');
  };
  await page.goto(`/tickets/new?contact=${contact.id}`);
  for (const box of await page.locator('[name=member_ids]').all()) await box.uncheck();
  await book(day(-900));
  await Promise.all([page.waitForLoadState('load'), page.getByRole('button', { name: 'Check the time' }).click()]);
  await page.getByText('That time has passed.').waitFor();
  await Promise.all([page.waitForURL(/\/tickets\/[0-9a-f-]{36}$/), page.getByRole('button', { name: 'Book visit' }).click()]);
  assert.match(await page.locator('#status').innerText(), /booked, for a time that has passed/);
  await page.goto(`${new URL(page.url()).pathname}/move`);
  await book(day(-901));
  await Promise.all([page.waitForURL(/\/tickets\/[0-9a-f-]{36}$/), page.getByRole('button', { name: 'Move visit' }).click()]);
  assert.match(await page.locator('#status').innerText(), /moved, for a time that has passed/);
});

check('paper: the calendar without the navigation, beginning on the first page', async (open) => {
  const page = await open('owner', { desk: true });
  await page.goto('/calendar');
  for (const width of [1050, 720]) {
    await page.setViewportSize({ width, height: 700 });
    await page.emulateMedia({ media: 'print' });
    assert.equal(await page.locator('nav.nav').isVisible(), false, String(width));
    assert.equal(await page.locator('.cal').evaluate((el) => getComputedStyle(el).breakInside), 'auto');
    await page.emulateMedia({ media: 'screen' });
  }
});

check('320 px: no word of a button, a name or a heading is broken', async (open) => {
  const [first] = await technicians();
  const v = await visit('Featherstone', tuesday(63), '15:00', [first.id]);
  const page = await open('owner', { viewport: { width: 320, height: 640 } });
  const invoices = await data('owner', 'type=invoices');
  for (const path of ['/', v.path, `${v.path}/closeout`, `${v.path}/move`, `/tickets/new?contact=${v.contact}`, `/contacts/${v.contact}`, '/contacts', '/contacts/new', '/calendar', '/calendar?view=list',
    '/invoices', `/invoices/${invoices[0].id}`, '/invoices/new', '/messages', '/catalogue', '/settings', '/more', '/tickets']) {
    await page.goto(path);
    const broken = await page.evaluate(() => {
      const found = [];
      for (const el of document.querySelectorAll('.btn,.name,h1,h2,.tile b,.at b,dt')) {
        if (!el.checkVisibility()) continue;
        const walk = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
        for (let node = walk.nextNode(); node; node = walk.nextNode()) {
          for (const m of node.data.matchAll(/[\p{L}\d]+/gu)) {
            const range = document.createRange();
            range.setStart(node, m.index);
            range.setEnd(node, m.index + m[0].length);
            const tops = new Set([...range.getClientRects()].map((r) => Math.round(r.top)));
            if (tops.size > 1) found.push(m[0]);
          }
        }
      }
      return { found, wide: document.documentElement.scrollWidth > innerWidth };
    });
    assert.deepEqual(broken, { found: [], wide: false }, path);
  }
});

check('the running clock does not fill the steps of the close-out', async (open) => {
  const [first] = await technicians();
  const v = await visit('Clockwise', tuesday(64), '15:00', [first.id]);
  const page = await open('owner');
  await page.goto(`${v.path}/closeout`);
  assert.equal(await page.locator('.now.big').count(), 0);
});

check('a mail of the demo can be seen as its customer sees it', async (open) => {
  const [first] = await technicians();
  const contact = await act('owner', 'contact.create', { first_name: 'Hattie', last_name: 'Markup', emails: [{ address: 'hattie@example.net' }] });
  const v = await visit('Markup', tuesday(65), '15:00', [first.id], { contact_id: contact.id, ask_customer: true });
  const { path } = await mail('hattie@example.net', 'confirm');
  const page = await open('owner');
  await page.goto(path);
  const [shown] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: 'Show it as the customer sees it' }).click()]);
  await shown.getByRole('link').first().waitFor();
  assert.match((await fetchAs('owner', `${path}/html`)).headers['content-security-policy'], /^sandbox .*default-src 'none'/);
  assert.ok(v.id);
});
