// The customer's small pages: light, ours alone, without script; looking changes nothing, an answer can be changed.
import assert from 'node:assert/strict';

import { act, axe, base, check, data, fetchAs, mail, weigh, within } from './support.mjs';

async function ask(name, far) {
  const email = `${name.toLowerCase()}@example.org`;
  const starts = new Date(Date.now() + far * 86_400_000).toISOString().replace(/T.*/, 'T16:00:00Z');
  const contact = await act('owner', 'contact.create', { first_name: name, last_name: 'Customer', emails: [{ address: email }] });
  const ticket = await act('owner', 'ticket.create', {
    contact_id: contact.id, starts_at: starts, ends_at: starts.replace('T16', 'T17'), ask_customer: true,
    lines: [{ kind: 'fixed', description: 'Exterior windows', quantity: '1', unit_price: '145.00' }],
  });
  return { ...ticket, contact: contact.id, email, mail: await mail(email, 'confirm') };
}

const answerOf = async (id) => (await data('owner', `type=tickets&id=${id}`)).confirmation;

/** Everything this page needed, for the first time: bytes and requests. */
async function heaviness(open, path) {
  const page = await open('nobody');
  const seen = await weigh(page);
  await page.goto(path, { waitUntil: 'networkidle' });
  return seen;
}

check('l3_fetching_every_link_of_a_mail_changes_nothing', async () => {
  const t = await ask('Lena', 200);
  const before = JSON.stringify(await data('owner', `type=tickets&id=${t.id}`));
  assert.ok(t.mail.links.length > 0);
  for (const link of t.mail.links) {
    for (let i = 0; i < 3; i += 1) assert.equal((await fetchAs('nobody', link)).status, 200, link);
  }
  assert.equal(JSON.stringify(await data('owner', `type=tickets&id=${t.id}`)), before);
});

check('the confirm page: under 8 KB, without script, declined, then another time asked for', async (open) => {
  const t = await ask('Carl', 201);
  const link = t.mail.links.find((href) => href.includes('/c/'));
  const { bytes, requests } = await heaviness(open, link);
  assert.ok(bytes < 8192 && requests <= 3, `${bytes} bytes, ${requests} requests`);
  for (const js of [false, true]) {
    const page = await open('nobody', { js });
    await page.goto(link);
    if (js) await axe(page);
    await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: 'Decline' }).click()]);
    assert.equal(await answerOf(t.id), 'declined');
    await page.getByText('Ask for another time').first().click();
    await page.getByLabel('Which days and times suit you?').fill('Any Tuesday after two');
    await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: 'Ask for another time' }).click()]);
    assert.match(await page.locator('body').innerText(), /Any Tuesday after two/);
    assert.equal(await answerOf(t.id), 'change_requested');
    assert.match((await fetchAs('owner', '/')).text, /Carl Customer wants another time/);
    await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: /^Accept/ }).click()]);
    assert.equal(await answerOf(t.id), 'accepted');
    if (js) await axe(page);
  }
});

check('a link that is no more says so in plain words', async (open) => {
  const page = await open('nobody');
  for (const path of ['/c/nothing-of-the-kind', '/i/nothing-of-the-kind']) {
    const answer = await page.goto(path);
    assert.ok([404, 410].includes(answer.status()), `${path}: ${answer.status()}`);
    await axe(page);
  }
});

check('the invoice page: under 10 KB, without script; a declined card leaves it unpaid, a second try pays once', async (open) => {
  const contact = await act('owner', 'contact.create', { first_name: 'Ines', last_name: 'Invoice', emails: [{ address: 'ines@example.org' }] });
  const invoice = await act('owner', 'invoice.create', {
    contact_id: contact.id,
    lines: [{ description: 'Exterior windows', quantity: '2', unit_price: '72.50' }],
  });
  await act('owner', 'invoice.send', { invoice_id: invoice.id });
  const sent = await mail('ines@example.org', 'nvoice');
  const link = sent.links.find((href) => href.includes('/i/'));
  const { bytes, requests } = await heaviness(open, link);
  assert.ok(bytes < 10_240 && requests <= 3, `${bytes} bytes, ${requests} requests`);
  const page = await open('nobody', { js: false });
  const press = (name) => Promise.all([page.waitForNavigation(), page.getByRole('button', { name }).click()]);
  const paid = async () => (await data('owner', `type=payments&invoice_id=${invoice.id}`)).filter((p) => p.state !== 'failed').length;
  await page.goto(link);
  await press(/^Pay/);
  await press(/decline/i);
  assert.match(await page.locator('body').innerText(), /declined/i);
  // The tab is closed; the mail's link leads to the same payment.
  await page.goto(link);
  assert.equal(await paid(), 0);
  await press(/^Pay/);
  await press(/succeed/i);
  await page.waitForURL((url) => url.href.startsWith(`${base}/i/`));
  await within(20, 'payment', async () => (await paid()) === 1);
  await page.goto(link);
  assert.match(await page.locator('main').innerText(), /paid/i);
  assert.equal(await page.getByRole('button', { name: /^Pay/ }).count(), 0);
  const seen = await open('nobody');
  await seen.goto(link);
  await axe(seen);
});
