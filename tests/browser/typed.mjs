// What a person typed stays theirs: drafts, proposals that follow until somebody types, amounts read as the server reads them, and
// nothing that moves under a finger.
import assert from 'node:assert/strict';

import { act, check, data, within } from './support.mjs';

const day = (far) => new Date(Date.now() + far * 86_400_000).toISOString().slice(0, 10);

async function customer(name) {
  return (await act('owner', 'contact.create', { first_name: 'Tilda', last_name: name })).id;
}

async function ticket(contact, far) {
  const { id } = await act('owner', 'ticket.create', {
    contact_id: contact, starts_at: `${day(far)}T15:00:00Z`, ends_at: `${day(far)}T16:00:00Z`, ask_customer: false,
    lines: [{ kind: 'fixed', description: 'Exterior windows', quantity: '1', unit_price: '145.00' }],
  });
  return `/tickets/${id}`;
}

const service = (name, more) => act('owner', 'service.create', { name, kind: 'fixed', price: '230.00', duration_minutes: 150, ...more });

for (const js of [true, false]) {
  check(`how long a visit takes follows its services until somebody types, ${js ? 'with' : 'without'} JavaScript`, async (open) => {
    const contact = await customer(`Lasting ${js}`);
    const s = await service(`Long service ${js}`);
    const page = await open('owner', { js });
    const book = async (typed, far) => {
      await page.goto(`/tickets/new?contact=${contact}`);
      const minutes = page.getByLabel('How long');
      assert.equal(await minutes.inputValue(), '');
      await page.locator('main [data-line] select').first().selectOption(s.id);
      if (js) await page.getByText('Proposed: 2 h 30 min').waitFor();
      if (js) assert.equal(await minutes.getAttribute('placeholder'), '150');
      if (typed) await minutes.fill(typed);
      await page.getByLabel('Day').fill(day(far));
      await page.getByLabel('From').fill('09:00');
      await Promise.all([page.waitForURL(/\/tickets\/[0-9a-f-]{36}$/), page.getByRole('button', { name: 'Book visit' }).click()]);
      const made = await data('owner', `type=tickets&id=${page.url().split('/').at(-1)}`);
      return (Date.parse(made.ends_at) - Date.parse(made.starts_at)) / 60_000;
    };
    assert.equal(await book('', js ? 500 : 510), 150);
    assert.equal(await book('45', js ? 501 : 511), 45);
  });
}

check('a new product takes no time unless somebody types one', async (open) => {
  const page = await open('owner', { desk: true });
  await page.goto('/catalogue/new');
  await page.getByLabel('Name').fill('Squeegee to take home');
  await page.locator('[name=kind][value=product]').check();
  await page.locator('[name=price]').fill('12.00');
  await Promise.all([page.waitForNavigation(), page.locator('main .bar .btn.go').click()]);
  const made = (await data('owner', 'type=services&limit=100')).find((s) => s.name === 'Squeegee to take home');
  assert.equal(made.duration_minutes, 0);
});

check('the running total follows a chosen service, reads amounts as the server does, and adds without floats', async (open) => {
  const contact = await customer('Total');
  const s = await service('Priced service', { price: '89.90' });
  const page = await open('owner', { desk: true });
  await page.goto(`${await ticket(contact, 502)}/closeout`);
  const total = page.locator('[data-total]');
  assert.equal(await total.innerText(), '$145.00');
  const first = page.locator('[data-price]:visible').first();
  for (const [typed, shown] of [['12,50', '$12.50'], ['1.234,56', '$1,234.56'], ['0.1', '$0.10'], ['(5)', '-$5.00'], ['145', '$145.00']]) {
    await first.fill(typed);
    assert.equal(await total.innerText(), shown, typed);
  }
  await page.getByRole('button', { name: '+ Add a service' }).click();
  const added = page.locator('[data-line]:has(select)');
  await added.locator('select').selectOption(s.id);
  assert.equal(await total.innerText(), '$234.90');
  // Nobody typed a price: another service brings its own.
  assert.equal(await added.locator('input[data-price]').inputValue(), '');
  await added.locator('input[data-price]').fill('0.2');
  assert.equal(await total.innerText(), '$145.20');

  await page.goto(`/invoices/new?contact_id=${contact}`);
  await page.locator('main [data-line] select').first().selectOption(s.id);
  assert.equal(await total.innerText(), '$89.90');
});

check('a note that ends in a card number: the button stays under the finger', async (open) => {
  const contact = await customer('Redacted');
  const page = await open('technician');
  await page.goto(await ticket(contact, 503));
  await page.getByLabel('New note').fill('Card 4111 1111 1111 1111');
  const box = await page.getByRole('button', { name: 'Add note' }).boundingBox();
  await page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2);
  await within(10, 'the note', async () => (await data('owner', `type=notes&contact_id=${contact}`)).length === 1);
  assert.equal((await data('owner', `type=notes&contact_id=${contact}`))[0].body, 'Card [REDACTED]');
});

check('no layout moves when a field is left', async (open) => {
  const contact = await customer('Unmoved');
  const page = await open('owner');
  const visit = await ticket(contact, 504);
  const invoice = `/invoices/new?contact_id=${contact}`;
  for (const path of [visit, `${visit}/move`, `${visit}/edit`, `${visit}/cancel`, `${visit}/lines/new`, `${visit}/closeout`, `/tickets/new?contact=${contact}`, `/contacts/${contact}`,
    '/contacts/new', `/contacts/${contact}/edit`, invoice, '/settings', '/settings/business', '/catalogue/new', '/messages/new']) {
    const answer = await page.goto(path);
    if (answer.status() === 404) continue;
    const moved = await page.evaluate(async () => {
      const places = () => [...document.querySelectorAll('main *')].filter((el) => !el.closest('[role=listbox],.redact-note')).map((el) => {
        const { x, y, width, height } = el.getBoundingClientRect();
        return [x + scrollX, y + scrollY, width, height].map(Math.round).join();
      });
      const found = [];
      for (const field of document.querySelectorAll('main :is(input:not([type=hidden],[type=checkbox],[type=radio],[type=file]),textarea)')) {
        if (!field.checkVisibility()) continue;
        field.focus({ preventScroll: true });
        if (/^(text|search|textarea)$/.test(field.type)) {
          field.value = 'x 4111 1111 1111 1111';
          field.dispatchEvent(new Event('input', { bubbles: true }));
          await new Promise(requestAnimationFrame);
        }
        const before = places();
        field.dispatchEvent(new Event('change', { bubbles: true }));
        field.blur();
        await new Promise((done) => setTimeout(done, 20));
        if (places().some((place, i) => place !== before[i])) found.push(field.name);
      }
      return found;
    });
    assert.deepEqual(moved, [], path);
  }
});

check('what is typed into a longer form is there again, and gone once it is sent', async (open) => {
  const contact = await customer('Drafted');
  const visit = await ticket(contact, 505);
  const page = await open('owner');
  const noteIn = () => page.getByLabel('New note');
  const again = page.getByText('What you typed before is here again.');
  await page.goto(visit);
  await noteIn().fill('Half a thought, 4111 1111 1111 1111');
  // Nothing that is taken out before it is sent lies about meanwhile.
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify(localStorage)), /4111/);
  await page.getByRole('link', { name: 'Close out', exact: true }).click();
  await page.waitForURL(/closeout/);
  await page.goto(visit);
  await again.waitFor();
  assert.equal(await noteIn().inputValue(), 'Half a thought, [REDACTED]');
  await page.getByRole('button', { name: 'Add note' }).click();
  await page.getByText('Half a thought, [REDACTED]').first().waitFor();
  await within(5, 'no draft', () => page.evaluate(() => !Object.keys(localStorage).some((k) => k.startsWith('draft:'))));
  await page.goto(visit);
  await noteIn().waitFor();
  assert.equal(await noteIn().inputValue(), '');

  // Rows that were added by hand, a choice, and giving it up.
  await page.goto(`/invoices/new?contact_id=${contact}`);
  await page.getByRole('button', { name: '+ Add a line' }).click();
  const rows = page.locator('[data-line]');
  await rows.last().getByLabel('Description').fill('Gutters');
  await rows.last().getByLabel('Price each').fill('80');
  await page.getByLabel('Note on the invoice').fill('Thanks.');
  await page.goto('/');
  await page.goBack();
  await again.waitFor();
  assert.deepEqual([await rows.count(), await rows.last().getByLabel('Description').inputValue(), await page.locator('[data-total]').innerText()], [2, 'Gutters', '$80.00']);
  await page.getByRole('button', { name: 'Discard it' }).click();
  await again.waitFor({ state: 'detached' });
  assert.equal(await page.getByLabel('Note on the invoice').inputValue(), '');

  // A refused form shows what was typed once; a new customer's form is empty after the first is saved.
  await page.goto('/contacts/new');
  await page.getByLabel('Last name').fill('Kept');
  await page.goto('/contacts/new');
  await again.waitFor();
  await Promise.all([page.waitForURL(/\/contacts\/[0-9a-f-]{36}/), page.getByRole('button', { name: 'Add customer' }).click()]);
  await page.goto('/contacts/new');
  await page.getByLabel('Last name').waitFor();
  assert.equal(await page.getByLabel('Last name').inputValue(), '');
});

// Its select is named `method`, and so stands in place of the form's own `method` for a script.
check('a payment by hand leaves no draft behind that could be recorded once more', async (open) => {
  const invoice = await act('owner', 'invoice.create', {
    contact_id: await customer('Cash'), lines: [{ description: 'Windows', quantity: '1', unit_price: '100.00' }],
  });
  await act('owner', 'invoice.issue', { invoice_id: invoice.id });
  const page = await open('owner', { desk: true });
  const path = `/invoices/${invoice.id}/payments/new`;
  const amount = page.locator('[name=amount]');
  await page.goto(path);
  await amount.fill('30.00');
  await page.getByLabel('Note').fill('In an envelope.');
  await page.locator('main .bar .btn.go').click();
  await within(20, 'page after the payment', () => !page.url().endsWith('/payments/new'));
  assert.equal((await data('owner', `type=payments&invoice_id=${invoice.id}`)).length, 1);
  for (const back of [() => page.goBack(), () => page.goto(path)]) {
    await back();
    await within(20, 'form again', async () => await amount.count() === 1);
    assert.equal(await page.getByText('What you typed before is here again').count(), 0);
  }
  assert.notEqual(await amount.inputValue(), '30.00');
});
