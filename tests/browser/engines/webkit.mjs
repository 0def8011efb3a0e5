// WebKitGTK, Safari's engine, driven by WebKitWebDriver on an X display of its own. Debian: webkit2gtk-driver, gir1.2-webkit2-4.1,
// python3-gi, xvfb.
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { drive, ready, start } from './driver.mjs';

const browser = fileURLToPath(new URL('webkit.py', import.meta.url));
const element = 'element-6066-11e4-a52e-4f735466cecf';

function freePort() {
  return new Promise((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

/** Opens the browser; `profile` is the folder that it keeps things in. */
export async function openWebKit({ profile }) {
  // Xvfb finds a free display itself and says which.
  const screen = start('Xvfb', ['-displayfd', '1', '-screen', '0', '500x900x24', '-nolisten', 'tcp']);
  const display = await ready(screen, 'Xvfb', () => screen.said().match(/^(\d+)$/m)?.[1]);
  const port = await freePort();
  const driver = start('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], {
    DISPLAY: `:${display}`,
    HOME: profile,
    NO_AT_BRIDGE: '1',
    // Its sandbox wants user namespaces, which containers and root don't have; nothing but the test's own server is opened.
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
  });
  const kill = () => {
    driver.kill();
    screen.kill();
  };
  const call = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`WebKit ${path.split('/').slice(3).join('/')}: ${value.error} ${value.message}`);
    return value;
  };
  try {
    await ready(driver, 'WebKitWebDriver', () => fetch(`http://127.0.0.1:${port}/status`).then((r) => r.ok, () => false));
    const options = { binary: browser, args: [join(profile, 'webkit')] };
    const { sessionId } = await call('POST', '/session', { capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': options } } });
    const session = `/session/${sessionId}`;
    const commands = {
      open: (url) => call('POST', `${session}/url`, { url }),
      find: async (value) => (await call('POST', `${session}/element`, { using: 'css selector', value }))[element],
      click: (id) => call('POST', `${session}/element/${id}/click`, {}),
      keys: (id, text) => call('POST', `${session}/element/${id}/value`, { text }),
      script: (script, args) => call('POST', `${session}/execute/async`, { script, args }),
      screenshot: () => call('GET', `${session}/screenshot`),
    };
    const close = async () => {
      await call('DELETE', session);
      kill();
      await driver.gone;
    };
    return { name: 'WebKitGTK', ...drive(commands), close, kill };
  } catch (error) {
    kill();
    error.message += `\n${driver.said()}`;
    throw error;
  }
}
