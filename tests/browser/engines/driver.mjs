// What a test may do in an engine other than Chromium, the same in each: the commands of W3C WebDriver are alike, their transport is not.
//
//   const browser = await openWebKit({ profile: folder });     // or openFirefox; a folder used before brings back what sites kept there
//   await browser.open('http://127.0.0.1:…/');
//   await browser.eval((a, b) => a + b, 1, 2);                 // a function (may be async) or an expression; runs in the page
//   await browser.until((s) => document.querySelector(s), 'h1');   // asks again until the answer is true, through page changes
//   await browser.click('button');                             // as a finger does it: scrolled to, visible, in the middle
//   await browser.type('textarea', 'words');
//   await browser.screenshot('/tmp/a.png');
//   await browser.close();                                     // as a person closes it
//   browser.kill();                                            // as a battery dies
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Builds the interface from how an engine takes commands: `open(url)`, `find(selector)` → element, `click(element)`, `keys(element, text)`,
 *  `script(text, args)` (asynchronous) → value, `screenshot()` → base64. */
export function drive(commands) {
  const evaluate = async (what, ...args) => {
    const body = typeof what === 'function' ? `(${what})(...args)` : `(${what})`;
    const answer = await commands.script(
      `const args = [...arguments]; const done = args.pop();
       (async () => ${body})().then((value) => done({ value: value ?? null }), (error) => done({ error: String(error) }));`,
      args,
    );
    if (answer.error) throw new Error(answer.error);
    return answer.value;
  };
  const until = async (what, ...args) => {
    const end = Date.now() + 20_000;
    for (;;) {
      const answer = await evaluate(what, ...args).catch(() => null);
      if (answer) return answer;
      if (Date.now() > end) throw new Error(`Not within 20 s: ${what} ${args.join(' ')}\nat ${await evaluate('location.href + "\\n" + document.body.innerText').catch(String)}`);
      await pause(100);
    }
  };
  const find = async (selector) => {
    await until((s) => document.querySelector(s)?.checkVisibility(), selector);
    // To the middle, where no bar at the edge lies over it.
    await evaluate((s) => document.querySelector(s).scrollIntoView({ block: 'center', behavior: 'instant' }), selector);
    return commands.find(selector);
  };
  return {
    open: commands.open,
    eval: evaluate,
    until,
    click: async (selector) => commands.click(await find(selector)),
    type: async (selector, text) => commands.keys(await find(selector), text),
    screenshot: async (path) => writeFileSync(path, Buffer.from(await commands.screenshot(), 'base64')),
  };
}

/** Starts a program in a process group of its own, which dies with this process. */
export function start(program, args, env = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  };
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => { said += bytes; });
  child.on('error', (error) => { said += error.message; });
  process.once('exit', kill);
  const gone = new Promise((done) => child.once('close', done));
  gone.then(() => process.off('exit', kill));
  return { kill, gone, said: () => said, isOver: () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined };
}

/** Asks until there is an answer, as long as `child` lives; 30 s at most. */
export async function ready(child, what, ask) {
  for (const end = Date.now() + 30_000; ;) {
    const answer = await ask();
    if (answer) return answer;
    if (child.isOver() || Date.now() > end) throw new Error(`${what} did not start: ${child.said()}`);
    await pause(100);
  }
}
