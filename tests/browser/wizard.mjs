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
  const pet = page.locator('input[name^=attributes][name$=value][value="dog (Biscuit)"]');
  await pet.waitFor();
  await pet.fill('old dog (Biscuit)');

  // A second tab is at the same place with the same words.
  const second = await phone.newPage();
  await second.goto(t.wizard);
  await at(second, 'Is this right?');
  await within(10, 'the change in the second tab', async () =>
    (await second.locator('input[name^=attributes][name$=value]').evaluateAll((all) => all.map((i) => i.value))).includes('old dog (Biscuit)'));
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

check('what nobody touched comes with the page, and what was typed stays with its line', async (open) => {
  const t = await ticket(303);
  const page = await open('owner');
  const kept = () => page.evaluate((id) => localStorage.getItem(`draft:${document.body.dataset.who}:closeout-${id}`), t.id);
  const lines = async () => (await data('owner', `type=tickets&id=${t.id}&include=line_items`)).line_items;
  const screens = page.locator('[data-line]', { hasText: 'Screen cleaning' }).first();
  // Looked at and left: nothing is kept of it, so the page is the ticket's next time.
  await page.goto(t.wizard);
  await at(page, 'What was done');
  assert.equal(await kept(), null);
  await act('owner', 'ticket.remove_line', { line_id: (await lines())[0].id });
  await page.goto(t.wizard);
  await at(page, 'What was done');
  assert.equal(await page.locator('[data-line]').count(), 1);
  assert.equal(await screens.locator('[name$=".description"]').inputValue(), 'Screen cleaning');

  // Typed, it stays on its line wherever that stands by then; two rows added at the door, the first taken off again.
  await page.getByLabel('Hours').fill('7');
  await page.getByLabel('This is the final price').check();
  await screens.locator('[data-price]').fill('6');
  const added = page.locator('[data-line]:has(select)');
  for (const price of ['11', '12']) {
    await page.getByRole('button', { name: '+ Add a service' }).click();
    await added.last().locator('select').selectOption({ index: 1 });
    await added.last().locator('[data-price]').fill(price);
  }
  await added.first().getByRole('button', { name: 'Remove' }).click();
  await act('owner', 'ticket.add_line', { ticket_id: t.id, description: 'Gutters', quantity: '1', unit_price: '80' });
  await act('owner', 'ticket.update_line', { line_id: (await lines())[0].id, unit_price: '7' });
  await page.goto(t.wizard);
  await at(page, 'What was done');
  assert.equal(await page.getByLabel('Hours').inputValue(), '7');
  assert.equal(await screens.locator('[data-price]').inputValue(), '6');
  assert.equal(await page.locator('[data-line]', { hasText: 'Gutters' }).locator('[data-price]').inputValue(), '80.00');
  assert.deepEqual([await added.count(), await added.locator('[data-price]').inputValue()], [1, '12']);

  // The office's price is not written over unseen: both stand there, and theirs is taken over.
  await page.getByRole('button', { name: 'Next: notes' }).click();
  await page.getByLabel('What should we remember?').fill(notes);
  await page.getByRole('button', { name: 'Next: next visit' }).click();
  await page.getByLabel('No next visit').check();
  await page.getByRole('button', { name: 'Next: review' }).click();
  const theirs = page.locator('[data-theirs]');
  await theirs.waitFor();
  await at(page, 'What was done');
  assert.match(await theirs.innerText(), /What the ticket says now[\s\S]*\$140\.00[\s\S]*Gutters/);
  assert.equal(await screens.locator('[data-price]').inputValue(), '6');
  await page.getByRole('button', { name: 'Take these over' }).click();
  await theirs.waitFor({ state: 'detached' });
  await at(page, 'What was done');
  assert.equal(await screens.locator('[data-price]').inputValue(), '7.00');
  assert.equal(await page.getByLabel('Hours').inputValue(), '7');
  assert.equal(await page.locator('textarea[name=notes]').inputValue(), notes);

  // Given up, the phone forgets it too.
  await page.getByLabel('Hours').fill('8');
  assert.ok(await kept());
  await page.getByText('Give this close-out up').click();
  await page.getByLabel('Why').fill('Wrong house');
  await page.getByRole('button', { name: 'Give up' }).click();
  await at(page, 'Close-out given up');
  await page.goto(t.wizard);
  await at(page, 'What was done');
  assert.deepEqual([await page.getByLabel('Hours').inputValue(), await page.locator('textarea[name=notes]').inputValue()], ['', '']);
});
