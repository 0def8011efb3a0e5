// The engines of phones other than Chromium's: Safari's and Firefox. Each signs in over a link that can be cut, has what the queue stands on,
// and is still signed in when it is opened again.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { openFirefox } from './engines/firefox.mjs';
import { startProxy } from './engines/proxy.mjs';
import { openWebKit } from './engines/webkit.mjs';
import { base } from './support.mjs';

async function signedIn(open, link, profile) {
  let browser = await open({ profile });
  try {
    await browser.open(`${link.url}/sign-in`);
    await browser.click('button[value=tech1]');
    await browser.until(() => location.pathname === '/' && document.querySelector('h1'));
    const here = () => [isSecureContext, 'serviceWorker' in navigator, 'indexedDB' in window, 'locks' in navigator, 'SyncManager' in window];
    assert.deepEqual(await browser.eval(here), [true, true, true, true, false]);
    await browser.close();
    browser = await open({ profile });
    await link.cut();
    await assert.rejects(browser.eval((url) => fetch(url), link.url).then(() => browser.open(`${link.url}/calendar`)));
    await link.mend();
    await browser.open(`${link.url}/calendar`);
    assert.equal(await browser.eval(() => location.pathname), '/calendar');
    await browser.close();
  } finally {
    browser.kill();
  }
}

for (const open of [openWebKit, openFirefox]) {
  test(`signed in, and what the queue stands on is there (${open.name.slice(4)})`, { timeout: 180_000 }, async () => {
    const profile = mkdtempSync(join(tmpdir(), 'rounds-engine.'));
    const link = await startProxy(new URL(base).port);
    try {
      await signedIn(open, link, profile);
    } finally {
      await link.stop();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  });
}
