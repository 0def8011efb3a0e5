// The weak link for node: starts link.py and gives it orders.
//
//   const link = await startLink({ down: 400, up: 150, delay: 400, loss: 2, seed: 1 });   // kbit/s, kbit/s, ms round trip, percent
//   const child = link.spawn('phone', 'ping', ['-c', '3', link.serverAddress]);           // runs a program at that end ('phone' or 'server')
//   await link.outage(true);                                                              // every packet is dropped, those on the way too
//   await link.counters();   // { down: { packets, bytes, lost, overflowed, cut }, up: {…} } since the start; bytes of IP packets sent
//   await link.stop();
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('link.py', import.meta.url));

/** Starts the link; whoever starts it stops it, and it ends by itself with this process. Needs root. */
export async function startLink(options = {}) {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn('python3', [script, ...flags], { stdio: ['pipe', 'pipe', 'pipe'] });
  const waiting = [];
  let complaint = '';
  child.stderr.on('data', (bytes) => { complaint += bytes; });
  child.stdin.on('error', () => {});
  const ended = new Promise((done) => child.once('close', done));
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.done(JSON.parse(line)));
  ended.then(() => waiting.splice(0).forEach(({ fail }) => fail(new Error(`The link ended: ${complaint.trim()}`))));
  const answer = () => new Promise((done, fail) => waiting.push({ done, fail }));
  const order = (line) => {
    child.stdin.write(`${line}\n`);
    return answer();
  };

  const ready = await answer();
  /** The command line that runs a program at one end of the link. */
  const at = (end, program, args = []) => ['nsenter', `--net=/run/netns/${ready[end]}`, program, ...args];
  return {
    phoneAddress: ready.phone_address,
    serverAddress: ready.server_address,
    at,
    spawn: (end, program, args, how = {}) => {
      const [first, ...rest] = at(end, program, args);
      return spawn(first, rest, how);
    },
    outage: (isOut) => order(`outage ${isOut ? 'on' : 'off'}`),
    counters: () => order('counters'),
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
