// The place where the weak link is measured: Rounds with its demo business, TLS before it at one end of the link, a phone's Chromium
// at the other. Everything lies in one temporary folder and is gone after `stop()`, an interrupt, or a failure.
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { listening, run, startDemo } from '../demo.mjs';
import { startLink } from './link.mjs';

const { chromium } = createRequire(new URL('../browser/package.json', import.meta.url))('playwright-core');
const host = 'rounds.test';
const port = 8443;
export const origin = `https://${host}:${port}`;

/** A test authority and a certificate of it, as sent by a server on the internet: leaf and one above. Answers with what a browser is told to trust. */
function certificates(folder) {
  const at = (name) => join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  run('openssl', ['req', '-x509', ...key, '-keyout', at('ca-key.pem'), '-out', at('ca.pem'), '-subj', '/CN=Rounds test authority']);
  run('openssl', ['req', '-x509', ...key, '-CA', at('ca.pem'), '-CAkey', at('ca-key.pem'), '-keyout', at('key.pem'), '-out', at('leaf.pem'),
    '-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-addext', 'basicConstraints=critical,CA:FALSE']);
  writeFileSync(at('chain.pem'), readFileSync(at('leaf.pem'), 'utf8') + readFileSync(at('ca.pem'), 'utf8'));
  const { publicKey } = new X509Certificate(readFileSync(at('ca.pem')));
  return createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
}

/** A model that takes every question and never answers. */
async function silentModel() {
  let asked = 0;
  const server = await listening(createServer((socket) => {
    asked += 1;
    socket.on('error', () => {});
  }), 0, '127.0.0.1');
  return { port: server.address().port, asked: () => asked, close: () => server.close() };
}

/** Starts everything; `options` are the link's. */
export async function startPlace(options) {
  const parts = {};
  const end = () => destroy(parts);
  process.once('exit', end);
  try {
    parts.link = await startLink(options);
    parts.model = await silentModel();
    parts.demo = await startDemo({
      ROUNDS_PUBLIC_URL: origin,
      ROUNDS_TRUSTED_PROXY: 'true',
      ROUNDS_LLM__BASE_URL: `http://127.0.0.1:${parts.model.port}/v1`,
      ROUNDS_LLM__MODEL: 'silent',
    });
    const { demo, link } = parts;
    const trust = certificates(demo.folder);
    parts.relay = await listening(createServer((inner) => {
      const outer = connect(demo.port, '127.0.0.1');
      for (const [one, other] of [[inner, outer], [outer, inner]]) one.on('error', () => other.destroy());
      inner.pipe(outer).pipe(inner);
    }), join(demo.folder, 'rounds.sock'));
    const requests = [];
    await startTls(parts, requests);
    const browser = await startBrowser(parts, trust);
    const stop = async () => {
      await browser.close();
      destroy(parts);
      await demo.stop();
      await link.stop();
      process.off('exit', end);
    };
    return { requests, stop, link, browser, demo, model: parts.model };
  } catch (error) {
    destroy(parts);
    await parts.demo?.stop();
    throw error;
  }
}

async function startTls(parts, requests) {
  const script = fileURLToPath(new URL('tls.mjs', import.meta.url));
  const args = [script, parts.link.serverAddress, String(port), parts.demo.folder];
  parts.tls = parts.link.spawn('server', process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await new Promise((done, fail) => {
    parts.tls.on('message', ({ listening: isUp, request }) => (isUp ? done() : requests.push(request)));
    parts.tls.once('exit', () => fail(new Error('The TLS proxy ended.')));
  });
}

function startBrowser({ demo, link }, trust) {
  const found = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
  const inside = join(demo.folder, 'chromium');
  writeFileSync(inside, `#!/bin/sh\nexec ${link.at('phone', found).join(' ')} "$@"\n`, { mode: 0o755 });
  return chromium.launch({
    executablePath: inside,
    args: [
      '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
      `--host-resolver-rules=MAP ${host} ${link.serverAddress}`, `--ignore-certificate-errors-spki-list=${trust}`,
    ],
  });
}

/** What would keep this process or run on after it; the link ends with our end of its pipe. */
function destroy({ relay, model, tls, link }) {
  tls?.kill('SIGKILL');
  relay?.close();
  model?.close();
  link?.stop();
}
