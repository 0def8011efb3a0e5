// The main job, on a phone, with JavaScript and without: booked, confirmed, clocked, closed out, invoiced, paid.
import assert from 'node:assert/strict';

import { base, check, data, mail, within } from './support.mjs';

const notes = 'Elderly woman, very nice. 20+ screens. Dog named Biscuit, keep gate closed.';

/** A day nothing of the demo is planned on: `far` weeks ahead, as the date field takes it. */
const freeDay = (far) => new Date(Date.now() + far * 7 * 86_400_000).toISOString().slice(0, 10);

/** Presses the page's one main button and waits for the page that answers. */
async function press(page, name, to) {
  const button = page.getByRole('button', { name, exact: true });
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
  if (js) await page.getByRole('button', { name: '+ Add a service' }).click();
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
