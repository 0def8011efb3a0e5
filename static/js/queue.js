// What was entered without a link: kept on this phone, shown with its state, sent by the service worker in order, each once.
import { $, $$, on, say, freshKey } from './dom.js';
import { entries, putEntry, dropEntry, tryStore } from './store.js';
import { rest } from './forms.js';
import { canFetchAhead } from './page.js';

const { who } = document.body.dataset;
const worker = navigator.serviceWorker;
const shownIn = $('#queue');
const states = {};
const waitingFor = {};
const ring = async () => (await worker.ready).active.postMessage({ flush: 1 });
let tries = 0;
let timer;

// The strip at the top of a page; its script is fetched when there is something to show.
export async function render() {
  const all = await entries().catch(() => []);
  const mine = all.filter((e) => e.who === who);
  clocks(mine);
  clearTimeout(timer);
  // Where there is no background sync, the open page rings again.
  if (mine.some((e) => e.state === 'waiting')) timer = setTimeout(ring, Math.min(60e3, 3e3 * 2 ** tries));
  if (!shownIn || (!all.length && !$('meta[name=kept]') && shownIn.hidden)) return;
  const { draw } = await import($('script[data-strip]').dataset.strip);
  draw(shownIn, mine, all.length - mine.length, states, ring);
}

// A clock-in that waits offers the clock-out, and the other way round.
function clocks(mine) {
  for (const bar of $$('[data-clocks]')) {
    const last = mine.filter((e) => e.state === 'waiting' && e.about === bar.dataset.clocks && /clock-(in|out)$/.test(e.url)).pop();
    if (last) for (const form of $$('form[data-timed]', bar)) form.hidden = form.action === last.url;
  }
}

// What was looked at and sent again, changed or not, is settled.
export async function mended(url) {
  const [n, refused] = (sessionStorage.mends || '').split(' ');
  if (refused !== url) return;
  delete sessionStorage.mends;
  await dropEntry(Number(n));
}

// Puts an entry into the queue and waits a little for what becomes of it: { sent, at }, { refused } or nothing yet.
export async function enqueue(entry) {
  // Of a close-out's drafts only the last is sent.
  for (const e of await entries()) if (entry.step && e.step && e.about === entry.about) await dropEntry(e.n);
  const n = await putEntry({ who, org: document.body.dataset.org, at: Date.now(), state: 'waiting', from: location.pathname, title: (entry.about === location.pathname ? $('h1') : $('.back') || $('h1'))?.textContent.trim() || '', ...entry });
  if (matchMedia('(display-mode:standalone)').matches) navigator.storage?.persist?.();
  tries = 0;
  await render();
  const registration = await worker.ready;
  registration.sync?.register('queue').catch(() => {});
  const outcome = new Promise((done) => {
    waitingFor[n] = done;
    setTimeout(done, navigator.onLine ? 8000 : 1500, {});
  });
  registration.active.postMessage({ flush: 1 });
  return outcome;
}

// A form's filling-in goes through the queue. False: this browser can keep nothing, so it goes the ordinary way.
export async function queued(form, body) {
  if ('timed' in form.dataset) body.set('occurred_at', new Date().toISOString());
  const key = body.get('_key') || freshKey();
  let outcome;
  try {
    outcome = await enqueue({ key, url: form.action, body: body.toString(), label: form.dataset.queue, about: form.dataset.about || '', chain: 'timed' in form.dataset });
  } catch {
    return false;
  }
  await mended(form.action);
  if (outcome.at) return location.assign(outcome.at), true;
  rest(form);
  form.reset();
  form.removeAttribute('data-typed');
  if (form.elements._key) form.elements._key.value = freshKey();
  if (outcome.refused) return await render(), shownIn.scrollIntoView(), true;
  if (form.dataset.then) location.assign(form.dataset.then);
  say('Kept on this phone. It is sent when the link is back.');
  return true;
}

// The close-out's script has a module of its own.
on('enqueue', (e) => enqueue(e.detail).catch(() => say('This phone keeps nothing without a link. Stay on this page until it says that it was sent.')));
on('reviewed', async (e) => {
  for (const x of await entries()) if (x.step && x.about === e.detail) await dropEntry(x.n);
  await render();
});

worker?.addEventListener('message', async ({ data }) => {
  const n = data.sent || data.refused || data.waiting || data.signIn;
  if (data.sending) states[data.sending] = 'sending';
  else if (n) states[n] = data.signIn ? 'signIn' : 'waiting';
  if (data.waiting) tries += 1;
  if (data.sent) tries = 0;
  if (n && waitingFor[n]) {
    waitingFor[n](data);
    delete waitingFor[n];
  } else if (data.sent && !$('form[aria-busy]')) say(`Sent: ${data.label}`);
  states.fresh ||= data.fresh === location.href.split('#')[0];
  await render();
});

// Asks before leaving with something unsent; it stays on the phone.
on('submit', async (e) => {
  if (!/\/sign-out$/.test(e.target.action) || e.target.dataset.asked) return;
  e.preventDefault();
  e.stopImmediatePropagation();
  const left = (await entries().catch(() => [])).filter((x) => x.who === who).length + Object.keys(localStorage).filter((k) => k.startsWith(`draft:${who}:`)).length;
  if (left && !confirm(`${left === 1 ? 'One entry is' : `${left} entries are`} not sent yet. They stay on this phone and go when you sign in again. Sign out?`)) return;
  e.target.dataset.asked = 1;
  e.target.requestSubmit();
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
  for (const e of done ? await entries() : []) if (e.step && e.about.endsWith(done.slice(9))) await dropEntry(e.n);
  await render();
  ring();
  if (who && canFetchAhead() && !(Date.now() - localStorage.ahead < 6e5)) {
    localStorage.ahead = Date.now();
    setTimeout(async () => (await worker.ready).active.postMessage({ ahead: 1 }), 2000);
  }
}
begin();
addEventListener('online', () => { tries = 0; worker && ring(); });
on('visibilitychange', () => document.visibilityState === 'visible' && worker && ring());
