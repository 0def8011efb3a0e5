// The place where the weak link is measured: Rounds with its demo business, TLS before it at one end of the link, a phone's Chromium
// at the other. Everything lies in one temporary folder and is gone after `stop()`, an interrupt, or a failure.
import { spawn, spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { startLink } from './link.mjs';

const { chromium } = createRequire(new URL('../browser/package.json', import.meta.url))('playwright-core');
const root = fileURLToPath(new URL('../../', import.meta.url));
const binary = process.env.ROUNDS_TEST_BINARY ?? [join(root, 'target/demo/rounds'), join(root, 'target/debug/rounds')].find(existsSync);
const host = 'rounds.test';
const port = 8443;
export const origin = `https://${host}:${port}`;

/** Asks until there is an answer; `seconds` at most. */
export async function within(seconds, what, ask) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`no ${what} within ${seconds} s`);
    await pause(50);
  }
}

function run(program, args, how = {}) {
  const made = spawnSync(program, args, { encoding: 'utf8', ...how });
  if (made.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${made.error?.message ?? made.stderr}`);
  return made.stdout.trim();
}

/** A test authority and a certificate of it, as sent by a server on the internet: leaf and one above. Answers with what a browser is told to trust. */
function certificates(folder) {
  const at = (name) => join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  run('openssl', ['req', '-x509', ...key, '-keyout', at('ca-key.pem'), '-out', at('ca.pem'), '-subj', '/CN=Rounds test authority'], { stdio: 'pipe' });
  run('openssl', ['req', '-x509', ...key, '-CA', at('ca.pem'), '-CAkey', at('ca-key.pem'), '-keyout', at('key.pem'), '-out', at('leaf.pem'),
    '-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-addext', 'basicConstraints=critical,CA:FALSE'], { stdio: 'pipe' });
  writeFileSync(at('chain.pem'), readFileSync(at('leaf.pem'), 'utf8') + readFileSync(at('ca.pem'), 'utf8'));
  const { publicKey } = new X509Certificate(readFileSync(at('ca.pem')));
  return createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
}

function listening(server, ...where) {
  return new Promise((done, fail) => server.once('error', fail).listen(...where, () => done(server)));
}

async function freePort() {
  const probe = await listening(createServer(), 0, '127.0.0.1');
  const { port: free } = probe.address();
  await new Promise((done) => probe.close(done));
  return free;
}

/** A model that takes every question and never answers. */
function silentModel() {
  return listening(createServer((socket) => socket.on('error', () => {})), 0, '127.0.0.1');
}

/** `rounds demo` on a fresh data folder, seen from outside as `origin`. */
async function startRounds(folder, modelPort) {
  const at = await freePort();
  const own = Object.entries(process.env).filter(([name]) => name === 'ROUNDS_POSTGRES_BIN' || !/^(ROUNDS_|DATABASE_URL)/.test(name));
  const settings = {
    ...Object.fromEntries(own),
    ROUNDS_DATA_DIR: join(folder, 'data'),
    ROUNDS_LISTEN: `127.0.0.1:${at}`,
    ROUNDS_PUBLIC_URL: origin,
    ROUNDS_TRUSTED_PROXY: 'true',
    ROUNDS_LLM__BASE_URL: `http://127.0.0.1:${modelPort}/v1`,
    ROUNDS_LLM__MODEL: 'silent',
  };
  const child = spawn(binary, ['demo'], { env: settings, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => { said += bytes; });
  const ready = async () => {
    await within(120, 'the sign-in link', () => {
      if (child.exitCode !== null) throw new Error(`rounds demo ended:\n${said}`);
      return /https?:\/\/\S+\/sign-in\/[\w-]+/.test(said);
    });
  };
  // The last line of what a command prints: a link, a token.
  const tell = (...args) => run(binary, args, { env: settings }).split('\n').at(-1);
  return { child, port: at, ready, tell };
}

/** Starts everything; `options` are the link's. */
export async function startPlace(options) {
  const folder = mkdtempSync(join(tmpdir(), 'rounds-weak-link.'));
  // For root, Postgres runs as another user, who has to get in.
  chmodSync(folder, 0o755);
  const parts = { folder };
  const end = () => destroy(parts);
  process.once('exit', end);
  try {
    const trust = certificates(folder);
    parts.link = await startLink(options);
    parts.model = await silentModel();
    parts.rounds = await startRounds(folder, parts.model.address().port);
    await parts.rounds.ready();
    parts.relay = await listening(createServer((inner) => {
      const outer = connect(parts.rounds.port, '127.0.0.1');
      for (const [one, other] of [[inner, outer], [outer, inner]]) one.on('error', () => other.destroy());
      inner.pipe(outer).pipe(inner);
    }), join(folder, 'rounds.sock'));
    const requests = [];
    await startTls(parts, requests);
    parts.browser = await startBrowser(parts, trust);
    const stop = async () => {
      await parts.browser.close();
      await quit(parts.rounds.child);
      await parts.link.stop();
      destroy(parts);
      process.off('exit', end);
    };
    return { requests, stop, link: parts.link, browser: parts.browser, tell: parts.rounds.tell, local: `http://127.0.0.1:${parts.rounds.port}` };
  } catch (error) {
    destroy(parts);
    throw error;
  }
}

async function startTls(parts, requests) {
  const script = fileURLToPath(new URL('tls.mjs', import.meta.url));
  const args = [script, parts.link.serverAddress, String(port), parts.folder];
  parts.tls = parts.link.spawn('server', process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await new Promise((done, fail) => {
    parts.tls.on('message', ({ listening: isUp, request }) => (isUp ? done() : requests.push(request)));
    parts.tls.once('exit', () => fail(new Error('The TLS proxy ended.')));
  });
}

function startBrowser({ folder, link }, trust) {
  const found = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
  const inside = join(folder, 'chromium');
  writeFileSync(inside, `#!/bin/sh\nexec ${link.at('phone', found).join(' ')} "$@"\n`, { mode: 0o755 });
  return chromium.launch({
    executablePath: inside,
    args: [
      '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
      `--host-resolver-rules=MAP ${host} ${link.serverAddress}`, `--ignore-certificate-errors-spki-list=${trust}`,
    ],
  });
}

/** Ends a child as an operator would, and waits for it. */
async function quit(child) {
  if (child.exitCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  await Promise.race([gone, pause(15_000)]);
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

/** Whatever still runs or lies about is gone after this; the link ends with our end of its pipe. */
function destroy({ folder, rounds, relay, model, tls, link }) {
  const pid = join(folder, 'data/postgres/data/postmaster.pid');
  if (existsSync(pid)) signal(Number(readFileSync(pid, 'utf8').split('\n')[0]), 'SIGQUIT');
  if (rounds?.child.exitCode === null) signal(-rounds.child.pid, 'SIGKILL');
  tls?.kill('SIGKILL');
  relay?.close();
  model?.close();
  link?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
