// Firefox, driven over Marionette, which it speaks itself: lines of JSON with their length before them. Debian: firefox-esr.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { drive, ready, start } from './driver.mjs';

const element = 'element-6066-11e4-a52e-4f735466cecf';
/** Nothing is asked of anybody but the test's own server, and no first-run page stands in the way. */
const settings = {
  'marionette.port': 0,
  'app.update.disabledForTesting': true,
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.manage-offline-status': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.reportingpolicy.firstRun': false,
};

/** The conversation: one answer to each command, found again by its number. */
function converse(port) {
  const waiting = new Map();
  let number = 0;
  let pending = Buffer.alloc(0);
  const socket = connect(port, '127.0.0.1');
  const over = (error) => {
    for (const { fail } of waiting.values()) fail(error ?? new Error('Firefox has gone'));
    waiting.clear();
  };
  socket.on('error', over).on('close', () => over());
  socket.on('data', (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    for (;;) {
      const colon = pending.indexOf(':');
      const length = Number(pending.subarray(0, Math.max(colon, 0)).toString());
      if (colon < 0 || pending.length < colon + 1 + length) return;
      const [, id, error, result] = [].concat(JSON.parse(pending.subarray(colon + 1, colon + 1 + length)));
      pending = pending.subarray(colon + 1 + length);
      const asked = waiting.get(id);
      waiting.delete(id);
      if (error) asked?.fail(new Error(`Firefox: ${error.error} ${error.message}`));
      else asked?.done(result);
    }
  });
  return (name, params = {}) => new Promise((done, fail) => {
    number += 1;
    waiting.set(number, { done, fail });
    const text = JSON.stringify([0, number, name, params]);
    socket.write(`${Buffer.byteLength(text)}:${text}`);
  });
}

/** Opens the browser; `profile` is the folder that it keeps things in. */
export async function openFirefox({ profile }) {
  const folder = join(profile, 'firefox');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'user.js'), Object.entries(settings).map(([name, v]) => `user_pref("${name}", ${JSON.stringify(v)});\n`).join(''));
  const portFile = join(folder, 'MarionetteActivePort');
  rmSync(portFile, { force: true });
  const program = ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find(existsSync) ?? 'firefox-esr';
  const child = start(program, ['--headless', '--marionette', '--no-remote', '--profile', folder], { HOME: profile });
  try {
    const port = Number(await ready(child, 'Firefox', () => existsSync(portFile) && readFileSync(portFile, 'utf8')));
    const call = converse(port);
    await call('WebDriver:NewSession', { pageLoadStrategy: 'normal' });
    await call('WebDriver:SetWindowRect', { width: 500, height: 900 });
    const commands = {
      open: (url) => call('WebDriver:Navigate', { url }),
      find: async (value) => (await call('WebDriver:FindElement', { using: 'css selector', value })).value[element],
      click: (id) => call('WebDriver:ElementClick', { id }),
      keys: (id, text) => call('WebDriver:ElementSendKeys', { id, text }),
      script: async (script, args) => (await call('WebDriver:ExecuteAsyncScript', { script, args })).value,
      screenshot: async () => (await call('WebDriver:TakeScreenshot', { full: false })).value,
    };
    const close = async () => {
      await call('Marionette:Quit', { flags: ['eAttemptQuit'] }).catch(() => {});
      await Promise.race([child.gone, pause(10_000)]);
      child.kill();
    };
    return { name: 'Firefox', ...drive(commands), close, kill: child.kill };
  } catch (error) {
    child.kill();
    throw error;
  }
}
