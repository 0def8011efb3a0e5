// F2, where most phones are: the queue in Safari's engine and in Firefox, which have no background sync. One clock-in and one note made
// without a link outlive a dead battery and arrive once, in order, when the link is back; nobody but the open page rings.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { openFirefox } from './engines/firefox.mjs';
import { startProxy } from './engines/proxy.mjs';
import { openWebKit } from './engines/webkit.mjs';
import { act, base, data } from './support.mjs';

const words = 'Ring twice. Gate code 4411.';

/** A visit of today for the first technician. */
async function visit(customer) {
  const contact = await act('owner', 'contact.create', { first_name: 'Erika', last_name: customer });
  const members = await data('owner', 'type=members');
  const at = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString();
  const made = await act('owner', 'ticket.create', {
    contact_id: contact.id, starts_at: at(5), ends_at: at(65), member_ids: [members.find((m) => m.email === 'tech1@example.com').id],
    override_reason: 'a test', ask_customer: false, lines: [{ kind: 'fixed', description: 'Windows', quantity: '1', unit_price: '150.00' }],
  });
  // One clock runs at a time.
  for (const running of await data('owner', 'type=tickets&state=in_progress')) {
    await act('technician', 'ticket.clock_out', { ticket_id: running.id }).catch(() => {});
  }
  return { id: made.id, contact: contact.id, path: `/tickets/${made.id}` };
}

async function signIn(browser, link) {
  await browser.open(`${link.url}/sign-in`);
  await browser.click('button[value=tech1]');
  await browser.until(() => location.pathname === '/' && Boolean(navigator.serviceWorker.controller));
}

/** Until the service worker has what `path` shows. */
const kept = (browser, path) => browser.until(async (p) => Boolean(await caches.match(p, { ignoreVary: true })), path);

/** Until the strip of what waits says so. */
const told = (browser, words) => browser.until((w) => new RegExp(w, 's').test(document.querySelector('#queue').innerText), words);

async function dayWithoutLink(open, link, profile) {
  let browser = await open({ profile });
  try {
    const v = await visit(browser.name);
    await signIn(browser, link);
    assert.deepEqual(await browser.eval(() => ['SyncManager' in window, 'locks' in navigator, 'indexedDB' in window]), [false, true, true]);
    await browser.open(link.url + v.path);
    await kept(browser, v.path);
    await link.cut();

    await browser.open(link.url + v.path);
    await told(browser, 'No link\\. This page is as of \\d');
    await browser.click('form[action$="/clock-in"] button');
    await told(browser, 'Clock in.*Waiting for the link');
    await browser.type('main form[action*="/notes"] textarea', words);
    await browser.click('main form[action*="/notes"] button');
    await told(browser, 'Clock in.*Note.*Waiting for the link');

    browser.kill();
    browser = await open({ profile });
    await browser.open(link.url + v.path);
    await told(browser, 'Clock in.*Note');
    await link.mend();
    await browser.until(() => !document.querySelector('#queue li'));

    const posts = link.seen.filter((s) => s.line.startsWith('POST') && s.headers['x-rounds-who']).map((s) => s.line.split(/[/?]/).at(-1));
    assert.deepEqual(posts, ['clock-in', 'notes']);
    assert.equal((await data('owner', `type=clock_entries&ticket_id=${v.id}`)).length, 1);
    assert.equal((await data('owner', `type=notes&contact_id=${v.contact}`)).filter((n) => n.body === words).length, 1);
    await browser.close();
  } catch (error) {
    error.message += `\n${browser.name} at ${await browser.eval('location.href + "\\n" + document.body.innerText').catch(String)}`;
    throw error;
  } finally {
    browser.kill();
  }
}

for (const open of [openWebKit, openFirefox]) {
  test(`f2_without_background_sync_the_page_sends (${open.name.slice(4)})`, { timeout: 180_000 }, async () => {
    const profile = mkdtempSync(join(tmpdir(), 'rounds-engine.'));
    const link = await startProxy(new URL(base).port);
    try {
      await dayWithoutLink(open, link, profile);
    } finally {
      await link.stop();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  });
}
