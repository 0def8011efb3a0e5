// A technician's phone at the weak end: taps, waits for what is to be seen, and says how long that took.
import { setTimeout as pause } from 'node:timers/promises';

import { within } from '../demo.mjs';
import { origin } from './place.mjs';

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, reducedMotion: 'reduce' };

/** A page put in place of another without a navigation tells when its heading was painted. */
function watchSwaps() {
  new MutationObserver((changes) => {
    const isNew = changes.some((c) => [...c.addedNodes].some((n) => n.matches?.('h1') || n.querySelector?.('h1')));
    if (isNew) requestAnimationFrame(() => { window.swappedAt = performance.timeOrigin + performance.now(); });
  }).observe(document, { childList: true, subtree: true });
}

/** When something of the page that came after `after` was first on the screen; 0 as long as nothing was. Milliseconds since 1970. */
function painted(after) {
  if (performance.timeOrigin <= after) return window.swappedAt > after ? window.swappedAt : 0;
  const [first] = performance.getEntriesByName('first-contentful-paint');
  return first ? performance.timeOrigin + first.startTime : 0;
}

/** How long someone looks before the next tap, in ms: the link is at rest by then. */
const look = 700;

/** Opens a phone with no history, or with the session of an earlier one. */
export async function openPhone(place, { js = true, session } = {}) {
  const context = await place.browser.newContext({ baseURL: origin, ...phone, javaScriptEnabled: js, storageState: session });
  context.setDefaultTimeout(20_000);
  if (js) await context.addInitScript(watchSwaps);
  const page = await context.newPage();

  const contentAfter = (since) => within(60, 'content', async () => (await page.evaluate(painted, since).catch(() => 0)) || null);
  const hit = async (target) => {
    const it = page.locator(target).first();
    await it.tap({ trial: true });
    const box = await it.boundingBox();
    const at = Date.now();
    await page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2);
    return at;
  };
  return {
    page,
    js,
    session: () => context.storageState(),
    close: () => context.close(),
    /** Opens an address as from a bookmark. Answers with ms until content. */
    async open(path) {
      const since = Date.now();
      await page.goto(path, { waitUntil: 'commit' });
      return (await contentAfter(since)) - since;
    },
    /** Taps what leads to another page, whose address matches `to`. Answers with ms until content. */
    async go(target, to) {
      const since = await hit(target);
      const at = await contentAfter(since);
      await page.waitForURL(to);
      await page.waitForLoadState('load');
      await pause(look);
      return at - since;
    },
    /** Taps what changes this page alone, until `done` (a selector) is there. Answers with ms. */
    async tap(target, done) {
      const since = await hit(target);
      await page.locator(done).first().waitFor({ state: 'attached' });
      const took = Date.now() - since;
      await pause(look / 2);
      return took;
    },
    async write(target, text) {
      await page.locator(target).first().fill('');
      await page.locator(target).first().pressSequentially(text, { delay: 10 });
    },
    tick: (target) => page.locator(target).first().check(),
  };
}

/** Until nothing has travelled for a second and a half. Answers with the link's counters then. */
export async function quiet(place) {
  let last = await place.link.counters();
  let still = 0;
  await within(120, 'rest on the link', async () => {
    await pause(300);
    const now = await place.link.counters();
    still = now.down.packets + now.up.packets === last.down.packets + last.up.packets ? still + 1 : 0;
    last = now;
    return still >= 5;
  });
  return last;
}

/** Starts to watch the wire; the answer stops it and says what travelled since: requests, and bytes of packets both ways. */
export async function watchWire(place) {
  const before = await quiet(place);
  const from = place.requests.length;
  return async () => {
    const after = await quiet(place);
    const bytes = after.down.bytes + after.up.bytes - before.down.bytes - before.up.bytes;
    return { bytes, requests: place.requests.slice(from) };
  };
}
