// What was entered without a link: kept on this phone, shown with its state, sent by the service worker in order, each once.
import { $, $$, on, say } from './dom.js';
import { entries, dropEntry, tryStore } from './store.js';
import { canFetchAhead } from './page.js';

const { who } = document.body.dataset;
const worker = navigator.serviceWorker;
const shownIn = $('#queue');
export const states = { tries: 0 };
export const waitingFor = {};
export const ring = async (words) => (await worker.ready).active.postMessage({ flush: 1, ...words });
let timer;
// Its script is fetched when there is something to keep or to show.
export const strip = () => import($('script[data-strip]').dataset.strip);

// The strip at the top of a page.
export async function render() {
  const all = await entries().catch(() => []);
  const mine = all.filter((e) => e.who === who);
  clearTimeout(timer);
  // Where there is no background sync, the open page rings again.
  if (mine.some((e) => e.state === 'waiting')) timer = setTimeout(ring, Math.min(60e3, 3e3 * 2 ** states.tries));
  if (!shownIn || (!all.length && !$('meta[name=kept]') && shownIn.hidden)) return;
  (await strip()).draw(shownIn, mine, all.length - mine.length);
}

// What was looked at and sent again, changed or not, is settled.
export async function mended(url) {
  const [n, refused] = (sessionStorage.mends || '').split(' ');
  if (refused !== url) return;
  delete sessionStorage.mends;
  await dropEntry(Number(n));
}

// The close-out's script has a module of its own.
on('enqueue', (e) => strip().then((s) => s.enqueue(e.detail)).catch(() => say('This phone keeps nothing without a link. Stay on this page until it says that it was sent.')));
on('reviewed', (e) => dropSteps(e.detail).then(render));
async function dropSteps(about) {
  for (const e of await entries()) if (e.step && e.about.endsWith(about)) await dropEntry(e.n);
}

worker?.addEventListener('message', async ({ data }) => {
  const n = data.sent || data.refused || data.waiting || data.signIn;
  if (data.sending) states[data.sending] = 'sending';
  else if (n) states[n] = data.signIn ? 'signIn' : 'waiting';
  if (data.waiting) states.tries += 1;
  if (data.sent) states.tries = 0;
  if (n && waitingFor[n]) {
    waitingFor[n](data);
    delete waitingFor[n];
  } else if (data.label && !$('form[aria-busy]')) say(`${data.sent ? 'Sent' : 'Not taken'}: ${data.label}`);
  // Who answers is there: nothing says "No link" beside it.
  states.fresh = n ? !data.waiting || data.failed : states.fresh || data.fresh === location.href.split('#')[0];
  await render();
});

// Asks before leaving with something unsent.
on('submit', (e) => {
  if (!/\/sign-out$/.test(e.target.action)) return;
  e.preventDefault();
  e.stopImmediatePropagation();
  strip().then((s) => s.leave(e.target), () => e.target.submit());
}, true);

async function canKeep() {
  if (!worker) return false;
  await tryStore();
  const room = await navigator.storage?.estimate?.();
  return !room?.quota || room.quota - room.usage > 2e6;
}

// The close-out is complete: what was typed for it, and sent ahead of it, has done its service.
const done = $('meta[name=draft-done]')?.content;
if (done) localStorage.removeItem(`draft:${who}:${done}`);

async function begin() {
  const can = await canKeep().catch(() => false);
  if (!can && shownIn && $('form[data-queue],form[data-wizard]')) {
    shownIn.hidden = false;
    shownIn.innerHTML = '<p class="note">This browser keeps nothing without a link (a private window, or no room left). Stay on the page until it says that it was sent.</p>';
    return;
  }
  if (!worker || !shownIn) return;
  await worker.register('/sw.js', { updateViaCache: 'all' });
  if (done) await dropSteps(done.slice(9));
  await render();
  ring({ ahead: who && canFetchAhead() });
}
begin();
addEventListener('online', () => { states.tries = 0; worker && ring(); });
on('visibilitychange', () => document.visibilityState === 'visible' && worker && ring());
