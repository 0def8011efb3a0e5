// Every page that links lead to: no dead link, no finding of axe, no sideways scrolling, small enough, usable by keyboard.
import assert from 'node:assert/strict';

import { axe, check, fetchAs, within } from './support.mjs';

const starts = ['/', '/more', '/settings', '/calendar', '/contacts', '/tickets', '/invoices', '/payments', '/messages', '/catalogue', '/imports', '/history'];
const perPattern = 2;
// Not pages: files, what leaves, what is another test's.
const leftOut = /^\/(assets|sign-out|api|demo\/stripe)|\.(pdf|csv|ics|svg|png|webmanifest|ico)$|\/(download|pdf|logo)$/;
const technicians = /^\/$|^\/calendar|^\/tickets\/\{id\}$|closeout|^\/contacts\/\{id\}$/;

const patternOf = (url) => {
  const path = url.pathname.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '{id}').replace(/\/demo\/mail\/.+/, '/demo/mail/{name}').replace(/^\/(c|i|u)\/.+/, '/$1/{token}');
  const view = url.searchParams.get('view');
  return view ? `${path}?view=${view}` : path;
};

const found = new Map();

/** Follows links as `role`: at most a few of each kind of page. Answers with kind → first address, and says which links are dead. */
async function crawl(role) {
  if (found.has(role)) return found.get(role);
  const pages = new Map();
  const dead = [];
  const heavy = [];
  const seen = new Set();
  const times = new Map();
  const queue = starts.map((path) => [path, 'start']);
  while (queue.length) {
    const [path, from] = queue.shift();
    const url = new URL(path, 'http://page');
    const pattern = patternOf(url);
    if (seen.has(path) || leftOut.test(url.pathname) || (times.get(pattern) ?? 0) >= perPattern) continue;
    seen.add(path);
    times.set(pattern, (times.get(pattern) ?? 0) + 1);
    const { status, text, bytes, headers } = await fetchAs(role, path);
    // A technician may not open everything that a start names.
    if (status === 403 && from === 'start') continue;
    if (status >= 300 && status < 400) {
      queue.push([headers.location, path]);
      continue;
    }
    if (status !== 200) {
      dead.push(`${status} ${path}, linked from ${from}`);
      continue;
    }
    if (!headers['content-type']?.startsWith('text/html')) continue;
    if (!pages.has(pattern)) pages.set(pattern, path);
    if (technicians.test(pattern) && bytes > 10_240) heavy.push(`${path}: ${bytes} bytes`);
    for (const [, href] of text.matchAll(/<a\b[^>]*?\bhref="([^"]*)"/g)) {
      const to = new URL(href.replaceAll('&#38;', '&').replaceAll('&amp;', '&'), new URL(path, 'http://page'));
      if (to.host === 'page') queue.push([to.pathname + to.search, path]);
    }
  }
  found.set(role, { pages, dead, heavy });
  return found.get(role);
}

for (const role of ['owner', 'technician']) {
  check(`every link leads somewhere, technician pages weigh at most 10 KB (${role})`, async () => {
    const { pages, dead, heavy } = await crawl(role);
    assert.deepEqual(dead, []);
    assert.deepEqual(heavy, []);
    assert.ok(pages.size > 15, [...pages.keys()].join(' '));
  });
}

/** Sideways scrolling at this width, and by what. */
const overflow = () => {
  const wide = document.scrollingElement.scrollWidth - innerWidth;
  if (wide <= 0) return null;
  const worst = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).at(-1);
  return `${wide} px too wide: ${worst?.outerHTML.slice(0, 120)}`;
};

/** One page at a phone's width, at 320 px, at twice the text size, and on a desk. */
async function look(page, path) {
  const problems = [];
  const search = () => axe(page).catch((error) => problems.push(...(error.actual ?? [error.message])));
  await page.setViewportSize({ width: 390, height: 844 });
  const answer = await page.goto(path);
  assert.equal(answer.status(), 200, path);
  await search();
  for (const [width, text] of [[390, ''], [320, ''], [640, '200%']]) {
    await page.setViewportSize({ width, height: 844 });
    await page.evaluate((size) => { document.documentElement.style.fontSize = size; }, text);
    const wide = await page.evaluate(overflow);
    if (wide) problems.push(`${path} at ${width} px${text && ', text doubled'}: ${wide}`);
  }
  await page.evaluate(() => { document.documentElement.style.fontSize = ''; });
  await page.setViewportSize({ width: 1280, height: 820 });
  await search();
  return problems;
}

for (const role of ['owner', 'technician']) {
  check(`axe finds nothing at 390 and 1280 px, nothing scrolls sideways (${role})`, async (open) => {
    const { pages } = await crawl(role);
    const owners = role === 'technician' ? (await crawl('owner')).pages : new Map();
    // What the owner's visit showed already is the same page for a technician, but for the pages of the day.
    const queue = [...pages].filter(([pattern]) => !owners.has(pattern) || technicians.test(pattern)).map(([, path]) => path);
    const problems = [];
    const walk = async () => {
      const page = await open(role, { isMobile: false });
      for (let path = queue.shift(); path; path = queue.shift()) problems.push(...await look(page, path));
    };
    await Promise.all([walk(), walk()]);
    assert.deepEqual(problems, []);
  }, { timeout: 420_000 });
}

check('pages of people who are not signed in', async (open) => {
  const page = await open('nobody', { isMobile: false });
  assert.deepEqual(await look(page, '/sign-in'), []);
  assert.equal((await fetchAs('nobody', '/tickets')).status, 303);
});

check('every entry of the navigation and every quick action carries its search words', async (open) => {
  const page = await open('owner', { desk: true });
  for (const path of ['/', '/more']) {
    await page.goto(path);
    const bare = await page.locator('.nav li a, .desk, main .acts a, main .tile, main .list a[data-search]').evaluateAll((all) =>
      all.filter((a) => !a.dataset.search && a.pathname !== '/businesses').map((a) => a.outerHTML));
    assert.deepEqual(bare, []);
  }
});

check('the keyboard reaches all of it', async (open) => {
  const page = await open('owner', { desk: true });
  await page.goto('/');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  const stops = [];
  for (let i = 0; i < 25; i += 1) {
    await page.keyboard.press('Tab');
    stops.push(await page.evaluate(() => {
      const e = document.activeElement;
      const shown = [e, e.parentElement, e.nextElementSibling].filter(Boolean).some((x) =>
        ['', '::after'].some((part) => { const s = getComputedStyle(x, part); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2; }));
      const all = [...document.querySelectorAll('a[href],button,input,select,textarea,summary,[tabindex]')];
      return { at: all.indexOf(e), shown, what: e.outerHTML.slice(0, 100) };
    }));
  }
  assert.deepEqual(stops.filter((s) => !s.shown), []);
  const order = stops.map((s) => s.at).filter((n) => n >= 0);
  assert.deepEqual(order, [...order].sort((a, b) => a - b));
  await page.goto('/');
  // The keys' script comes by itself, after the page.
  const until = (key, what, there) => within(10, what, async () => {
    await page.keyboard.press(key);
    return page.evaluate(there);
  });
  await until('/', 'search field', () => document.activeElement.id === 'find');
  await page.goto('/');
  await until('?', 'list of keys', () => Boolean(document.querySelector('dialog[open]')));
  await axe(page);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('g');
  await page.keyboard.press('k');
  await page.waitForURL(/\/contacts$/);
});

check('a block dragged to another time and technician opens the move form with both filled in', async (open) => {
  const page = await open('owner', { desk: true });
  // Tomorrow where the demo is; 'sv' writes a date as the address wants it.
  const tomorrow = new Date(Date.now() + 86_400_000).toLocaleDateString('sv', { timeZone: 'America/Chicago' });
  await page.goto(`/calendar?view=day&date=${tomorrow}`);
  const columns = page.locator('.slots');
  const names = await page.locator('.cal .day > header b').allInnerTexts();
  const block = columns.first().locator('[data-moves]').first();
  const [held, to] = [await block.boundingBox(), await columns.nth(1).boundingBox()];
  const starts = Number(await page.locator('[data-start]').getAttribute('data-start'));
  await page.mouse.move(held.x + 20, held.y + 5);
  await page.mouse.down();
  // Two hours and a half below the grid's beginning: ten rows of sixteen pixels.
  await page.mouse.move(to.x + 40, to.y + 100, { steps: 4 });
  await page.mouse.move(to.x + 40, to.y + 160 + 5, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL(/\/tickets\/[0-9a-f-]{36}\/move\?/);
  const wanted = starts + 150;
  assert.equal(await page.getByLabel('From').inputValue(), `${String(Math.floor(wanted / 60)).padStart(2, '0')}:${String(wanted % 60).padStart(2, '0')}`);
  assert.equal(await page.getByLabel('Day').inputValue(), tomorrow);
  assert.equal(await page.getByLabel(names[1]).isChecked(), true);
  assert.equal(await page.getByLabel(names[0]).isChecked(), false);
  // What would be in the way is said before anything is saved.
  if (await page.locator('[role=alert]').count()) assert.match(await page.locator('[role=alert]').innerText(), /is booked/);
});
