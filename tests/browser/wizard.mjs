// P3: Back, reload, two tabs, a double tap, a tab killed and opened again: nothing typed is lost, nothing happens twice.
import assert from 'node:assert/strict';

import { act, check, data, within } from './support.mjs';

const notes = 'Gate code 4411. Dog named Biscuit.';
const at = (page, heading) => page.getByRole('heading', { level: 1, name: heading }).waitFor();

async function ticket(far) {
  const starts = new Date(Date.now() + far * 86_400_000).toISOString().replace(/T.*/, 'T15:00:00Z');
  const contact = await act('owner', 'contact.create', { first_name: 'Wanda', last_name: `Wizard ${far}`, emails: [{ address: `wanda${far}@example.org` }] });
  const made = await act('owner', 'ticket.create', {
    contact_id: contact.id,
    starts_at: starts,
    ends_at: starts.replace('T15', 'T17'),
    is_price_estimated: true,
    lines: [
      { kind: 'flexible', description: 'Interior and exterior windows', quantity: '1' },
      { kind: 'per_unit', description: 'Screen cleaning', quantity: '20', unit_price: '5.00' },
    ],
  });
  return { id: made.id, contact: contact.id, wizard: `/tickets/${made.id}/closeout` };
}

async function firstStep(page) {
  await at(page, 'What was done');
  await page.getByLabel('Hours').fill('2');
  await page.locator('[name=worked_minutes]').fill('5');
  await page.locator('[data-price]').first().fill('240');
  await page.getByLabel('This is the final price').check();
}

async function closedOnce({ id, contact }) {
  const closed = await data('owner', `type=tickets&id=${id}`);
  assert.deepEqual([closed.state, closed.worked_minutes, Number(closed.total)], ['closed', 125, 340]);
  const messages = await data('owner', `type=messages&contact_id=${contact}`);
  assert.equal(messages.filter((m) => m.kind === 'reach_out').length, 1);
}

check('p3_back_reload_a_killed_tab_two_tabs_and_a_double_tap', async (open) => {
  const t = await ticket(300);
  let page = await open('owner');
  const phone = page.context();
  await page.goto(t.wizard);
  await firstStep(page);
  await page.getByRole('button', { name: '+ Add a service' }).click();
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('button', { name: 'Next: notes' }).click();
  await at(page, 'Notes');
  await page.getByLabel('What should we remember?').fill(notes);

  await page.reload();
  await at(page, 'Notes');
  assert.equal(await page.getByLabel('What should we remember?').inputValue(), notes);
  await page.goBack();
  await at(page, 'What was done');
  assert.equal(await page.getByLabel('Hours').inputValue(), '2');
  await page.goForward();
  await at(page, 'Notes');

  // The tab dies; the ticket opens where it was.
  await page.close();
  page = await phone.newPage();
  await page.goto(t.wizard);
  await at(page, 'Notes');
  assert.equal(await page.getByLabel('What should we remember?').inputValue(), notes);
  await page.getByRole('button', { name: 'Next: next visit' }).click();
  await page.getByLabel('Reach out later').check();
  await page.getByRole('button', { name: 'Next: review' }).click();
  const pet = page.locator('input[name^=attr_value_][value="dog (Biscuit)"]');
  await pet.waitFor();
  await pet.fill('old dog (Biscuit)');

  // A second tab is at the same place with the same words.
  const second = await phone.newPage();
  await second.goto(t.wizard);
  await at(second, 'Is this right?');
  await within(10, 'the change in the second tab', async () =>
    (await second.locator('input[name^=attr_value_]').evaluateAll((all) => all.map((i) => i.value))).includes('old dog (Biscuit)'));
  assert.equal(await second.locator('textarea[name=notes]').inputValue(), notes);

  let sent = 0;
  page.on('request', (r) => { sent += r.method() === 'POST' && /go=complete/.test(r.postData() ?? '') ? 1 : 0; });
  await page.getByRole('button', { name: 'Complete ticket' }).dblclick();
  await page.waitForURL(/\/closeout\/money$/);
  assert.equal(sent, 1);
  // The same filling-in, sent from the other tab, gets the first one's answer.
  await second.getByRole('button', { name: 'Complete ticket' }).click();
  await second.waitForURL(/\/closeout\/money$/);
  await closedOnce(t);
  assert.equal(await page.evaluate((id) => localStorage.getItem(`draft:${document.body.dataset.who}:closeout-${id}`), t.id), null);
  const attributes = await data('owner', `type=contacts&id=${t.contact}&include=attributes`);
  assert.match(JSON.stringify(attributes), /old dog \(Biscuit\)/);
  // Back into the wizard after all: it says that the ticket is closed.
  await page.goto(t.wizard);
  assert.match(await page.locator('body').innerText(), /closed/i);
});

check('p3_another_phone_goes_on_from_the_notes_sent_ahead', async (open) => {
  const t = await ticket(301);
  const first = await open('owner');
  await first.goto(t.wizard);
  await firstStep(first);
  await first.getByRole('button', { name: 'Next: notes' }).click();
  await first.getByLabel('What should we remember?').fill(notes);
  await Promise.all([first.waitForResponse(/closeout\/notes$/), first.getByRole('button', { name: 'Next: next visit' }).click()]);
  const other = await open('owner');
  await other.goto(t.wizard);
  assert.equal(await other.getByLabel('Hours').inputValue(), '2');
  assert.equal(await other.locator('textarea[name=notes]').inputValue(), notes);
  await other.goto('/');
  assert.match(await other.locator('main').innerText(), /Half-done close-outs[\s\S]*Wanda Wizard 301/);
});

check('p3_without_javascript', async (open) => {
  const t = await ticket(302);
  const page = await open('owner', { js: false });
  const go = async (name) => Promise.all([page.waitForNavigation(), page.getByRole('button', { name }).click()]);
  await page.goto(t.wizard);
  await firstStep(page);
  await go('Next: notes');
  await page.getByLabel('What should we remember?').fill(notes);
  await go('Back');
  await at(page, 'What was done');
  assert.equal(await page.getByLabel('Hours').inputValue(), '2');
  await go('Next: notes');
  await page.reload();
  assert.equal(await page.getByLabel('What should we remember?').inputValue(), notes);
  await go('Next: next visit');
  await page.getByLabel('Reach out later').check();
  await go('Next: review');
  const second = await page.context().newPage();
  await second.goto(page.url());
  await at(second, 'Is this right?');
  await go('Complete ticket');
  await page.waitForURL(/\/closeout\/money$/);
  await Promise.all([second.waitForNavigation(), second.getByRole('button', { name: 'Complete ticket' }).click()]);
  // Somebody closed it already: said in plain words, with nothing done twice.
  assert.match(await second.locator('body').innerText(), /closed|The money/);
  await closedOnce(t);
});
