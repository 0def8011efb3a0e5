// The owner brings the Square exports over, on the upload page.
import assert from 'node:assert/strict';

import { axe, check, testdata, within } from './support.mjs';

check('the Square customers are imported, each row accounted for, and again without making anything twice', async (open) => {
  const page = await open('owner', { js: false });
  const seen = await open('owner');
  const rows = async () => {
    await page.goto('/imports');
    await page.getByLabel('CSV files').setInputFiles(testdata('square/customers.csv'));
    await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: 'Read the files' }).click()]);
    await page.waitForURL(/\/imports\/[0-9a-f-]{36}$/);
    await seen.goto(page.url());
    await axe(seen);
    // Birthdays that can be read both ways are asked about, never guessed.
    await page.getByLabel('Month first').check();
    await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: 'Run the import' }).click()]);
    await within(60, 'a finished import', async () => {
      await page.reload();
      return /Done/.test(await page.locator('.top').innerText());
    });
    const values = await page.locator('main dl.rows dd').allInnerTexts();
    const [made, updated, skipped, refused] = values.map(Number);
    const [done, of] = values[4].match(/\d+/g).map(Number);
    assert.equal(done, of);
    assert.equal(made + updated + skipped + refused, of);
    return { made, of };
  };
  const first = await rows();
  assert.ok(first.made > 0 && first.of >= first.made, JSON.stringify(first));
  assert.equal((await rows()).made, 0);
});
