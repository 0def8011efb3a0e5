// The README's picture: Today on a phone and the week on a desktop, side by side, from a fresh demo.
//   bin/screenshot [FILE]
import { existsSync, writeFileSync } from 'node:fs';

import { chromium } from 'playwright-core';

import { startDemo } from '../demo.mjs';

const file = process.argv[2] ?? 'docs/screenshot.png';
const scale = 0.6;
const gap = 12;
const height = 844;
const screens = [
  { email: 'tech1@example.com', path: '/', viewport: { width: 390, height }, hasTouch: true, isMobile: true },
  { email: 'owner@example.com', path: '/calendar?view=week', viewport: { width: 1280, height } },
];

/** Signs in as `email` by a link and returns the screenshot of `path` as PNG, at twice the size. */
async function shoot(browser, demo, { email, path, ...look }) {
  const context = await browser.newContext({ ...look, baseURL: demo.url, deviceScaleFactor: 2, reducedMotion: 'reduce', colorScheme: 'light' });
  const page = await context.newPage();
  await page.goto(demo.tell('sign-in-link', email));
  await page.locator('main form button').click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
  await page.goto(path);
  const png = await page.screenshot();
  await context.close();
  return png;
}

/** Puts the screenshots beside each other, scaled down; returns one PNG. */
async function sideBySide(browser, pngs) {
  const widths = screens.map(({ viewport }) => Math.round(viewport.width * scale));
  const size = { width: widths.reduce((sum, width) => sum + width + gap, -gap), height: Math.round(height * scale) };
  const page = await browser.newPage({ viewport: size });
  const images = pngs.map((png, i) => `<img width="${widths[i]}" src="data:image/png;base64,${png.toString('base64')}">`);
  await page.setContent(`<body style="margin:0;display:flex;gap:${gap}px">${images.join('')}`);
  const png = await page.screenshot();
  await page.close();
  return png;
}

const demo = await startDemo();
const browser = await chromium.launch({
  executablePath: ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync),
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
});
try {
  const pngs = [];
  for (const screen of screens) pngs.push(await shoot(browser, demo, screen));
  writeFileSync(file, await sideBySide(browser, pngs));
  console.log(file);
} finally {
  await browser.close();
  await demo.stop();
}
