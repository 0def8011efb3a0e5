// What the browser tests stand on: one demo server for the whole run, one Chromium, people who sign in, and the rules that hold
// on every page they open: nothing refused by the content policy, no error in the console, no request to another host.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';

import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../../', import.meta.url));
const binary = process.env.ROUNDS_TEST_BINARY ?? join(root, 'target/debug/rounds');
const shots = process.env.ROUNDS_TEST_SHOTS;
export const testdata = (path) => join(root, 'testdata', path);

export const addresses = { owner: 'owner@example.com', technician: 'tech1@example.com', second: 'tech2@example.com' };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const desk = { viewport: { width: 1280, height: 820 } };

let folder;
let server;
let said = '';
let browser;
let settings;
export let port;
let visitors = 0;
const sessions = new Map();
export let base;

/** A port nobody listens on right now. */
function freePort() {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.on('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

async function start() {
  folder = mkdtempSync(join(tmpdir(), 'rounds-browser.'));
  // For root, Postgres runs as another user, who has to get in.
  chmodSync(folder, 0o755);
  port = await freePort();
  base = `http://127.0.0.1:${port}`;
  const own = Object.entries(process.env).filter(([name]) => name === 'ROUNDS_POSTGRES_BIN' || !/^(ROUNDS_|DATABASE_URL)/.test(name));
  settings = { ...Object.fromEntries(own), ROUNDS_DATA_DIR: join(folder, 'data'), ROUNDS_LISTEN: `127.0.0.1:${port}`, ROUNDS_TRUSTED_PROXY: 'true' };
  const link = await launch();
  browser = await chromium.launch({
    executablePath: ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync),
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
  await comeIn('owner', link);
}

/** Starts the server on its folder and port; answers with the sign-in link it prints. */
async function launch() {
  // Its own process group, so that nothing is left behind however this ends.
  server = spawn(binary, ['demo'], { env: settings, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  said = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (bytes) => { said += bytes; });
  return within(120, 'the sign-in link', () => {
    assert.equal(server.exitCode, null, `rounds demo ended:\n${said}`);
    return said.match(/https?:\/\/\S+\/sign-in\/[\w-]+/)?.[0];
  });
}

/** Asks the server to stop and waits for it; answers with all it said. */
async function halt() {
  if (server && server.exitCode === null) {
    const gone = new Promise((done) => server.once('exit', done));
    server.kill('SIGTERM');
    await Promise.race([gone, pause(15_000)]);
  }
  return said;
}

/** Stops the server, does `meanwhile`, starts it again; answers with what the first one said. */
export async function restart(meanwhile = async () => {}) {
  const words = await halt();
  await meanwhile();
  await launch();
  return words;
}

async function stop() {
  await browser?.close();
  await halt();
  destroy();
}

/** Whatever still runs or lies about is gone after this. */
function destroy() {
  if (!folder) return;
  const pid = join(folder, 'data/postgres/data/postmaster.pid');
  if (existsSync(pid)) signal(Number(readFileSync(pid, 'utf8').split('\n')[0]), 'SIGQUIT');
  if (server?.exitCode === null) signal(-server.pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folder = undefined;
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

before(start, { timeout: 180_000 });
after(stop, { timeout: 60_000 });
process.on('exit', destroy);
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit(1));

/** Everybody comes from a network of their own: limits are for those who come too often. */
function network() {
  visitors += 1;
  return { 'x-forwarded-for': `10.${visitors >> 8}.${visitors & 255}.1` };
}

/** Asks until there is an answer; `seconds` at most. */
export async function within(seconds, what, ask) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, `no ${what} within ${seconds} s`);
    await pause(100);
  }
}

/** A sign-in link for `role`, as the command line prints it. */
export function signInLink(role) {
  const made = spawnSync(binary, ['sign-in-link', addresses[role]], { env: settings, encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  return made.stdout.trim().split('\n').at(-1);
}

/** The session of `role` has ended: the next page of theirs needs another. */
export const forget = (role) => sessions.delete(role);

async function comeIn(role, link) {
  const context = await browser.newContext({ javaScriptEnabled: false, extraHTTPHeaders: network() });
  const page = await context.newPage();
  await page.goto(link);
  await page.locator('main form button').click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
  sessions.set(role, await context.storageState());
  await context.close();
}

/** The session of `owner`, `technician` or `second`: signed in once, by a link as `rounds sign-in-link` prints it. */
async function session(role) {
  if (!sessions.has(role)) {
    await comeIn(role, signInLink(role));
  }
  return sessions.get(role);
}

/**
 * A test whose pages keep the rules of every page. `body` gets `open(role, { desk, js, ...context options })` → page; role `nobody` has no session.
 * A page's faults fail the test even where the test itself does not look, except those that fit `expected`.
 */
export function check(name, body, { timeout = 180_000, expected } = {}) {
  test(name, { timeout }, async () => {
    const contexts = [];
    const faults = [];
    // `through`: a link (engines/proxy.mjs) between this browser and the server; what fails while it is cut is no fault of the page.
    const open = async (role, { desk: wide = false, js = true, through, ...more } = {}) => {
      const known = role === 'nobody' ? {} : { storageState: await session(role) };
      // Without motion: a page's arrival then has no transition to wait for.
      const look = { ...(wide ? desk : phone), reducedMotion: 'reduce', javaScriptEnabled: js, extraHTTPHeaders: network() };
      const context = await browser.newContext({ baseURL: through?.url ?? base, ...look, ...known, ...more });
      context.setDefaultTimeout(10_000);
      contexts.push(context);
      context.on('page', (page) => watch(page, faults, through));
      return context.newPage();
    };
    try {
      await body(open);
    } catch (error) {
      error.message += await lastSight(contexts, name);
      throw error;
    } finally {
      await Promise.all(contexts.map((context) => context.close()));
    }
    assert.deepEqual(faults.filter((fault) => !expected?.test(fault)), []);
  });
}

function watch(page, faults, through) {
  const at = () => page.url().replace(base, '');
  const allowed = through ? [base, through.url] : [base];
  const cut = (words) => through && /net::ERR_|Failed to fetch|ERR_FAILED/.test(words);
  page.on('pageerror', (error) => faults.push(`${at()}: ${error.message}`));
  page.on('console', (line) => {
    // A refused form (422) is reported here, too; tests look at answers themselves.
    if (line.type() === 'error' && !/Failed to load resource.*\b4\d\d\b/.test(line.text()) && !cut(line.text())) faults.push(`${at()}: ${line.text()}`);
  });
  page.on('response', (answer) => answer.status() >= 500 && faults.push(`${answer.status()} ${answer.url()}`));
  page.on('request', (request) => {
    if (!allowed.some((ours) => request.url().startsWith(ours)) && !/^(data|blob|about):/.test(request.url())) faults.push(`${at()} asked ${request.url()}`);
  });
}

async function lastSight(contexts, name) {
  const page = contexts.flatMap((context) => context.pages()).at(-1);
  if (!page) return '';
  const words = await page.locator('body').innerText({ timeout: 1000 }).catch(() => '');
  if (shots) await page.screenshot({ path: join(shots, `${name.replace(/\W+/g, '-')}.png`), fullPage: true }).catch(() => {});
  return `\nat ${page.url()}:\n${words.slice(0, 1500)}`;
}

/** WCAG 2.2 AA: no findings. */
export async function axe(page, where = page.url()) {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
  const findings = violations.flatMap((v) => v.nodes.map((n) => `${where.replace(base, '')}: ${v.id}: ${n.html.slice(0, 160)} ${n.failureSummary.replace(/\s+/g, ' ').slice(0, 200)}`));
  assert.deepEqual(findings, []);
}

/** A request as `role`'s browser makes it, seen from outside: status, headers, compressed bytes, text. Follows nothing. */
export async function fetchAs(role, path) {
  const cookies = role === 'nobody' ? [] : (await session(role)).cookies;
  const headers = { ...network(), 'accept-encoding': 'br', accept: 'text/html', cookie: cookies.map((c) => `${c.name}=${c.value}`).join('; ') };
  const answer = await new Promise((done, fail) => http.get(new URL(path, base), { headers }, done).on('error', fail));
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const text = answer.headers['content-encoding'] === 'br' ? brotliDecompressSync(body) : body;
  return { status: answer.statusCode, headers: answer.headers, bytes: body.length, text: text.toString() };
}

/** Counts what travels to this page from now on: bytes with headers, and the hosts asked. */
export async function weigh(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Network.enable');
  const seen = { bytes: 0, requests: 0 };
  devtools.on('Network.responseReceived', () => { seen.requests += 1; });
  devtools.on('Network.loadingFinished', (e) => { seen.bytes += e.encodedDataLength; });
  return seen;
}

/** The newest mail to `to` whose subject holds `words`, as the demo shows it: its text and its links. */
export async function mail(to, words) {
  return within(20, `mail "${words}" to ${to}`, async () => {
    const { text } = await fetchAs('owner', '/demo/mail');
    for (const [, path] of text.matchAll(/href="(\/demo\/mail\/[^"]+)"/g)) {
      const { text: shown } = await fetchAs('owner', path);
      if (shown.includes(to) && shown.includes(words)) {
        const links = [...shown.matchAll(/href="([^"]+\/[ciu]\/[^"]+)"/g)].map(([, href]) => href.replaceAll('&#38;', '&').replaceAll('&amp;', '&'));
        return { path, shown, links };
      }
    }
    return null;
  });
}

/** Data type `query` of `/api/data`, as the role may see it. */
export async function data(role, query) {
  const { status, text } = await fetchAs(role, `/api/data?${query}`);
  assert.equal(status, 200, `${query}: ${text}`);
  return JSON.parse(text).data;
}

/** Runs an action as `role` through the door for programs; answers with its output. */
export async function act(role, name, input) {
  const [domain, action] = name.split(/\.(.*)/s);
  const cookie = (await session(role)).cookies.map((c) => `${c.name}=${c.value}`).join('; ');
  const headers = { 'content-type': 'application/json', accept: 'application/json', 'x-rounds-csrf': '1', cookie };
  const answer = await fetch(`${base}/api/actions`, { method: 'POST', headers, body: JSON.stringify({ domain, action, data: input }) });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${name}: ${text}`);
  return JSON.parse(text).data;
}
