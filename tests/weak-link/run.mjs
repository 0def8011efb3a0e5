// Measures the close-out and the pages around it on the weak link, and prints the budgets with what was measured beside them.
//   --runs N      loads behind each figure (10)
//   --only NAME   first, pages, cold or closeout
//   --markdown    the tables as they stand in the README
//   --seed N      of the packets lost (1)
// Exit code 1 when a budget is missed, 2 when it could not be measured.
import { parseArgs } from 'node:util';

import { startPlace } from './place.mjs';
import { closeOuts, coldPages, firstVisit, nameOf, people, warmPages } from './scenes.mjs';

const { values: flags } = parseArgs({
  options: { runs: { type: 'string', default: '10' }, only: { type: 'string' }, markdown: { type: 'boolean' }, seed: { type: 'string', default: '1' } },
});
const runs = Number(flags.runs);
const wanted = (name) => !flags.only || flags.only === name;

const link = { down: 400, up: 150, delay: 400, loss: 2, seed: Number(flags.seed) };
const KB = 1024;
const units = {
  ms: (v) => `${(v / 1000).toFixed(2)} s`,
  bytes: (v) => `${(v / KB).toFixed(1)} KB`,
  count: (v) => String(v),
};

/** Least, median, and what nine of ten stay under. */
function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  return { min: sorted[0], median: at(0.5), p90: at(0.9) };
}

const lines = [];
/** A line of the table. `limit` undefined: told, not judged. Judged is the median. */
function line(what, unit, values, limit) {
  const s = spread(values);
  lines.push({ what, limit, unit, ...s, loads: values.length, missed: limit !== undefined && s.median > limit });
}

function print() {
  const rows = lines.map(({ what, limit, unit, min, median, p90, loads, missed }) => [
    what,
    limit === undefined ? '' : units[unit](limit),
    units[unit](median) + (missed ? ' **missed**' : ''),
    `${units[unit](min)} – ${units[unit](p90)}`,
    String(loads),
  ]);
  const table = [['what', 'at most', 'median', 'least – p90', 'loads'], ...rows];
  if (flags.markdown) table.splice(1, 0, table[0].map(() => '---'));
  const widths = table[0].map((_, i) => Math.max(...table.map((row) => row[i].length)));
  for (const row of table) {
    console.log(flags.markdown ? `| ${row.join(' | ')} |` : row.map((cell, i) => cell.padEnd(widths[i])).join('  ').trimEnd());
  }
}

const words = (js) => (js ? '' : ', without JavaScript');
const say = (text) => console.error(text);

/** Requests as one line: what was asked, and how much came. */
const listed = (requests) => requests.map((r) => `${r.method} ${nameOf(r.path)} ${r.status} ${r.bytes} B`).join(' · ');

function pagesOf({ times, requests }, js) {
  const weights = {};
  for (const r of requests) {
    if (r.method === 'GET' && r.status === 200 && r.type === 'text/html') (weights[nameOf(r.path)] ??= []).push(r.bytes);
  }
  if (js) for (const [name, values] of Object.entries(weights)) line(`${name} page, HTML`, 'bytes', values, 10 * KB);
  for (const [name, values] of Object.entries(times)) line(`${name} page, warm: tap to content${words(js)}`, 'ms', values, 1000);
}

function closeOutOf(all, js) {
  const of = (pick) => all.map(pick);
  const what = `close-out, current ticket to calendar${words(js)}`;
  // Without script every step is a page of its own, so the counts of the wizard in one document don't apply.
  line(`${what}: requests`, 'count', of((o) => o.requests.length), js ? 5 : undefined);
  line(`${what}: bytes both ways`, 'bytes', of((o) => o.bytes), js ? 40 * KB : undefined);
  if (js) {
    line('typing and step changes: requests', 'count', of((o) => o.typed.length), 0);
    line('notes sent ahead: requests', 'count', of((o) => o.ahead.length));
    line('review, while the model is silent', 'ms', of((o) => o.review), 4000);
  }
  for (const name of Object.keys(all[0].times)) line(`${what}: tap to ${name}`, 'ms', of((o) => o.times[name]), js ? 1000 : undefined);
  say(`close-out${words(js)}: ${listed(all.at(-1).requests)}`);
}

async function measure(place) {
  const crew = await people(place);
  const visits = [];
  for (let i = 0; i < (wanted('first') ? runs : 1); i += 1) visits.push(await firstVisit(place));
  const { session } = visits[0];
  say(`first visit: ${listed(visits.at(-1).requests)}`);
  if (wanted('first')) {
    line('first visit, sign-in link to usable home: HTML, CSS, JS, icons', 'bytes', visits.map((v) => v.payload), 30 * KB);
    line('first visit: fetched ahead afterwards', 'bytes', visits.map((v) => v.ahead));
    line('first visit: bytes of packets both ways, TLS and all', 'bytes', visits.map((v) => v.travelled));
  }
  const ticket = await crew.currentTicket();
  for (const js of [true, false]) {
    say(js ? 'with JavaScript' : 'without JavaScript');
    if (wanted('pages')) pagesOf(await warmPages(place, { session, js, runs }), js);
    if (wanted('cold')) {
      const { times } = await coldPages(place, { session, js, runs, ticket });
      for (const [name, values] of Object.entries(times)) line(`${name} page, cold connection, nothing cached${words(js)}`, 'ms', values, 3000);
    }
    if (wanted('closeout')) closeOutOf(await closeOuts(place, { session, js, runs, crew }), js);
  }
  if (wanted('closeout')) say(`the model was asked ${place.model.asked()} times and never answered`);
}

// An exit, for whatever reason, clears up: see place.mjs.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => process.exit(2));
let place;
try {
  place = await startPlace(link);
  await measure(place);
  await place.stop();
} catch (error) {
  console.error(error);
  process.exit(2);
}
print();
process.exit(lines.some((l) => l.missed) ? 1 : 0);
