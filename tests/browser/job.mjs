// The main job, on a phone, with JavaScript and without: booked, confirmed, clocked, closed out, invoiced, paid.
import assert from 'node:assert/strict';

import { base, check, data, mail, within } from './support.mjs';

const notes = 'Elderly woman, very nice. 20+ screens. Dog named Biscuit, keep gate closed.';

/** A day nothing of the demo is planned on: `far` weeks ahead, as the date field takes it. */
const freeDay = (far) => new Date(Date.now() + far * 7 * 86_400_000).toISOString().slice(0, 10);

/** Presses the page's one main button and waits for the page that answers. */
async function press(page, name, to) {
  const button = page.getByRole('button', { name, exact: typeof name === 'string' });
  await Promise.all([to ? page.waitForURL(to) : page.waitForNavigation(), button.click()]);
}

async function addCustomer(page, first, last, email) {
  await page.goto('/contacts/new');
  await page.getByLabel('First name').fill(first);
  await page.getByLabel('Last name').fill(last);
  await page.locator('[type=email]').first().fill(email);
  await page.getByLabel('Street').fill('123 Main St');
  await page.getByLabel('Town').fill('Madison');
  await press(page, 'Add customer', /\/contacts\/[0-9a-f-]{36}$/);
}

/** Books by three letters of the name; answers with the ticket's path. */
async function book(page, js, name, date) {
  await page.goto('/tickets/new');
  await page.getByLabel('Customer', { exact: true }).fill(name);
  if (js) {
    await page.getByRole('option').filter({ hasText: name }).first().click();
  } else {
    await press(page, 'Search', /search=/);
    await page.locator('main .list .name').filter({ hasText: name }).first().click();
  }
  await page.waitForURL(/contact=/);
  const service = page.locator('main [data-line] select').first();
  const flexible = await service.locator('option').filter({ hasText: /flexible|interior|exterior|window/i }).first().getAttribute('value');
  await service.selectOption(flexible);
  await page.getByLabel('The price is an estimate').check();
  await page.getByLabel('Day').fill(date);
  await page.getByLabel('From').fill('09:00');
  const technician = page.locator('[name=member_ids]');
  for (const box of await technician.all()) await box.uncheck();
  await technician.first().check();
  await press(page, 'Book visit', /\/tickets\/[0-9a-f-]{36}$/);
  return new URL(page.url()).pathname;
}

/** The technician's part: clock in and out, then all steps of the close-out. */
async function closeOut(page, js, ticket) {
  // With script the steps are in the page already; without it each is a page of its own.
  const next = async (button, heading) => {
    if (js) await page.getByRole('button', { name: button }).click();
    else await press(page, button);
    await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  };
  // The clock of the visit before still runs: the header leads there.
  await page.goto('/');
  if (await page.locator('.now time').count()) {
    await Promise.all([page.waitForURL(/\/tickets\//), page.locator('.now').click()]);
    await press(page, 'Clock out');
  }
  await page.goto(ticket);
  await press(page, 'Clock in');
  await press(page, 'Clock out');
  await page.getByRole('link', { name: 'Close out', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'What was done' }).waitFor();
  await page.getByLabel('Hours').fill('3');
  await page.locator('[name=worked_minutes]').fill('22');
  await page.locator('[data-price]').first().fill('562.00');
  // An estimate has to be confirmed; no step can be skipped.
  await next('Next: notes', 'What was done');
  await page.getByLabel('This is the final price').check();
  await next('Next: notes', 'Notes');
  await page.getByLabel('What should we remember?').fill(notes);
  await next('Next: next visit', 'Next visit');
  await page.getByLabel('Reach out later').check();
  await page.getByLabel('In how many months').fill('6');
  await next('Next: review', 'Is this right?');
  const found = page.locator('input[name^=attributes][name$=value]');
  await within(10, 'facts read from the notes', async () => (await found.count()) > 3);
  const facts = await found.evaluateAll((all) => all.map((i) => i.value));
  assert.ok(facts.includes('dog (Biscuit)') && facts.includes('elderly woman') && facts.includes('keep gate closed'), facts.join(', '));
  assert.match(await page.locator('main').innerText(), /3 h 22 min[\s\S]*reach out in 6 months[\s\S]*\$562\.00/);
  await press(page, 'Complete ticket', /\/closeout\/money$/);
  assert.match(await page.locator('main').innerText(), /\$562\.00/);
}

for (const js of [true, false]) {
  const name = js ? 'Jane Script' : 'Jane Plain';
  const email = `${name.toLowerCase().replace(' ', '.')}@example.net`;

  check(`from booking to paid invoice on a phone, ${js ? 'with' : 'without'} JavaScript`, async (open) => {
    const owner = await open('owner', { js });
    await addCustomer(owner, ...name.split(' '), email);
    const contact = new URL(owner.url()).pathname.split('/').at(-1);
    const ticket = await book(owner, js, name, freeDay(js ? 40 : 41));
    const id = ticket.split('/').at(-1);
    assert.match(await owner.locator('main').innerText(), /Estimated/);

    // The customer answers by the mail's link: looking changes nothing, the button does.
    const asked = await mail(email, 'confirm');
    const customer = await open('nobody', { js });
    await customer.goto(asked.links.find((link) => link.includes('/c/')));
    assert.notEqual((await data('owner', `type=tickets&id=${id}`)).confirmation, 'accepted');
    await press(customer, 'Accept');
    assert.match(await customer.locator('h1').innerText(), /Confirmed/);
    assert.equal((await data('owner', `type=tickets&id=${id}`)).confirmation, 'accepted');

    const technician = await open('technician', { js });
    await closeOut(technician, js, ticket);
    const closed = await data('owner', `type=tickets&id=${id}`);
    assert.deepEqual([closed.state, closed.worked_minutes, Number(closed.total)], ['closed', 202, 562]);
    const messages = await data('owner', `type=messages&contact_id=${contact}`);
    assert.equal(messages.filter((m) => m.kind === 'reach_out').length, 1);

    // The owner sends the invoice; the customer pays; the webhook is the truth.
    await owner.goto(`${ticket}/closeout/money`);
    await press(owner, /^Send invoice to/, /\/calendar$/);
    assert.match(await owner.locator('#status').innerText(), /invoice on its way/);
    await owner.goto(ticket);
    const invoice = await owner.locator('main a[href^="/invoices/"]').first().getAttribute('href');
    const billed = await mail(email, 'nvoice');
    await customer.goto(billed.links.find((link) => link.includes('/i/')));
    assert.match(await customer.locator('main').innerText(), /\$562\.00/);
    await press(customer, /^Pay/);
    await press(customer, /succeed/i, (url) => url.href.startsWith(`${base}/i/`));
    await within(20, 'payment', async () => {
      await customer.reload();
      return /Paid\. Thank you/.test(await customer.locator('main').innerText());
    });
    await within(20, 'paid invoice', async () => (await data('owner', `type=invoices&id=${invoice.split('/').at(-1)}`)).state === 'paid');
    await owner.goto(invoice);
    assert.match(await owner.locator('.top').innerText(), /Paid/);
    await mail(email, 'eceipt');
  });
}
