// Measures the close-out and the pages around it on the weak link, and prints the budgets with what was measured beside them.
//   --runs N      loads behind each figure (10)
//   --only NAME   first, pages, cold or closeout
//   --markdown    the table as it stands in docs/measured.md
//   --seed N      of the packets lost (1)
// Exit code 1 when a budget is missed, 2 when it could not be measured.
import { parseArgs } from 'node:util';

import { startPlace } from './place.mjs';
import { closeOuts, coldPages, firstVisit, nameOf, people, warmPages } from './scenes.mjs';
import { anyMissed, print, record } from './table.mjs';

const { values: flags } = parseArgs({
  options: { runs: { type: 'string', default: '10' }, only: { type: 'string' }, markdown: { type: 'boolean' }, seed: { type: 'string', default: '1' } },
});
const runs = Number(flags.runs);
const wanted = (name) => !flags.only || flags.only === name;
const link = { down: 400, up: 150, delay: 400, loss: 2, seed: Number(flags.seed) };
const say = (text) => console.error(text);

/** Requests as one line: what was asked, and how much came. */
const listed = (requests) => requests.map((r) => `${r.method} ${nameOf(r.path)} ${r.status} ${r.bytes} B`).join(' · ');

function pagesOf({ times, requests }, js) {
  const weights = {};
  for (const r of requests) {
    if (r.method === 'GET' && r.status === 200 && r.type === 'text/html') (weights[nameOf(r.path)] ??= []).push(r.bytes);
  }
  for (const [name, values] of Object.entries(weights)) record('html', js, values, name);
  for (const [name, values] of Object.entries(times)) record('warm', js, values, name);
}

function closeOutOf(all, js) {
  const of = (pick) => all.map(pick);
  record('requests', js, of((o) => o.requests.length));
  record('bytes', js, of((o) => o.bytes));
  record('live', js, of((o) => o.live.length));
  if (js) {
    record('typing', js, of((o) => o.typed.length));
    record('ahead', js, of((o) => o.ahead.length));
    record('review', js, of((o) => o.review));
  }
  for (const name of Object.keys(all[0].times)) {
    const isLink = js || name === 'ticket' || name === 'wizard';
    record(isLink ? 'warm' : 'form', js, of((o) => o.times[name]), `${name}, closing out`);
  }
  say(`close-out: ${listed(all.at(-1).requests)}`);
}

async function measure(place) {
  const crew = await people(place);
  const visits = [];
  for (let i = 0; i < (wanted('first') ? runs : 1); i += 1) visits.push(await firstVisit(place));
  const { session } = visits[0];
  say(`first visit: ${listed(visits.at(-1).requests)}`);
  if (wanted('first')) {
    record('first', true, visits.map((v) => v.payload));
    record('later', true, visits.map((v) => v.ahead));
    record('travelled', true, visits.map((v) => v.travelled));
  }
  const ticket = await crew.currentTicket();
  for (const js of [true, false]) {
    say(js ? 'with JavaScript' : 'without JavaScript');
    if (wanted('pages')) pagesOf(await warmPages(place, { session, js, runs }), js);
    if (wanted('cold')) {
      const { times } = await coldPages(place, { session, js, runs, ticket });
      for (const [name, values] of Object.entries(times)) record('cold', js, values, name);
    }
    if (wanted('closeout')) closeOutOf(await closeOuts(place, { session, js, runs, crew }), js);
  }
  if (wanted('closeout')) say(`the model was asked ${place.model.asked()} times and never answered`);
}

// An exit, for whatever reason, clears up: see place.mjs.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => process.exit(2));
try {
  const place = await startPlace(link);
  await measure(place);
  await place.stop();
} catch (error) {
  console.error(error);
  process.exit(2);
}
print(flags.markdown);
process.exit(anyMissed() ? 1 : 0);
