// The demo business for the tools that measure: `rounds demo` on a fresh folder, gone after `stop()`, an interrupt, or a failure.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

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

/** Runs a program; answers with what it printed, throws what it complained of. */
export function run(program, args, how = {}) {
  const made = spawnSync(program, args, { encoding: 'utf8', stdio: 'pipe', ...how });
  if (made.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${made.error?.message ?? made.stderr}`);
  return made.stdout.trim();
}

/** Listens there; answers with the server. */
export function listening(server, ...where) {
  return new Promise((done, fail) => server.once('error', fail).listen(...where, () => done(server)));
}

async function freePort() {
  const probe = await listening(createServer(), 0, '127.0.0.1');
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

/** Starts the demo with these settings beside its own. What a caller puts into `folder` goes with it. */
export async function startDemo(settings = {}) {
  const binary = process.env.ROUNDS_TEST_BINARY ?? [join(root, 'target/demo/rounds'), join(root, 'target/debug/rounds')].find(existsSync);
  if (!binary) throw new Error('There is no binary yet: build one, or name it by ROUNDS_TEST_BINARY.');
  const folder = mkdtempSync(join(tmpdir(), 'rounds-measured.'));
  // For root, Postgres runs as another user, who has to get in.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const own = Object.entries(process.env).filter(([name]) => name === 'ROUNDS_POSTGRES_BIN' || !/^(ROUNDS_|DATABASE_URL)/.test(name));
  const env = { ...Object.fromEntries(own), ROUNDS_DATA_DIR: join(folder, 'data'), ROUNDS_LISTEN: `127.0.0.1:${port}`, ...settings };
  // Its own process group, so that nothing is left behind however this ends.
  const child = spawn(binary, ['demo'], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => { said += bytes; });
  const destroy = () => {
    const pid = join(folder, 'data/postgres/data/postmaster.pid');
    if (existsSync(pid)) signal(Number(readFileSync(pid, 'utf8').split('\n')[0]), 'SIGQUIT');
    if (child.exitCode === null) signal(-child.pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once('exit', destroy);
  const stop = async () => {
    if (child.exitCode === null) {
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      await Promise.race([gone, pause(15_000)]);
    }
    destroy();
    process.off('exit', destroy);
  };
  try {
    await within(120, 'the sign-in link', () => {
      if (child.exitCode !== null) throw new Error(`rounds demo ended:\n${said}`);
      return /https?:\/\/\S+\/sign-in\/[\w-]+/.test(said);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const url = `http://127.0.0.1:${port}`;
  /** The last line that a command prints: a link, a token. */
  const tell = (...args) => run(binary, args, { env }).split('\n').at(-1);
  return { folder, port, url, tell, stop, ...doors(url, tell) };
}

/** The doors for programs, as a member. */
function doors(url, tell) {
  const tokens = new Map();
  const ask = async (email, path, body) => {
    if (!tokens.has(email)) tokens.set(email, tell('token', email));
    const headers = { authorization: `Bearer ${tokens.get(email)}`, 'content-type': 'application/json' };
    const answer = await fetch(`${url}${path}`, { headers, ...(body && { method: 'POST', body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${body ? `${body.domain}.${body.action}` : path}: ${answer.status} ${text}`);
    return JSON.parse(text).data;
  };
  return {
    data: (email, query) => ask(email, `/api/data?${query}`),
    act: (email, name, data) => {
      const [domain, action] = name.split('.');
      return ask(email, '/api/actions', { domain, action, data });
    },
  };
}
