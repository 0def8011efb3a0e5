// Puts what was entered into the queue. It comes with the strip, when there is something to keep or to show.
import { $, say, freshKey } from './dom.js';
import { entries, putEntry, dropEntry } from './store.js';
import { rest } from './forms.js';
import { mended, render, ring, states, waitingFor } from './queue.js';

// Puts an entry into the queue and waits a little for what becomes of it: { sent, at }, { refused } or nothing yet.
export async function enqueue(entry) {
  // Of a close-out's drafts only the last is sent.
  for (const e of await entries()) if (entry.step && e.step && e.about === entry.about) await dropEntry(e.n);
  const { who, org } = document.body.dataset;
  const n = await putEntry({ who, org, at: Date.now(), state: 'waiting', from: location.pathname, title: (entry.about === location.pathname ? $('h1') : $('.back') || $('h1'))?.textContent.trim() || '', ...entry });
  if (matchMedia('(display-mode:standalone)').matches) navigator.storage?.persist?.();
  states.tries = 0;
  await render();
  (await navigator.serviceWorker.ready).sync?.register('queue').catch(() => {});
  const patience = navigator.onLine ? 8000 : 1500;
  const outcome = new Promise((done) => {
    waitingFor[n] = done;
    setTimeout(done, patience, {});
  });
  ring({ awaits: n, until: Date.now() + patience });
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
  sessionStorage.arrived = key;
  await mended(form.action);
  if (outcome.at) return location.assign(outcome.at), true;
  rest(form);
  form.reset();
  form.removeAttribute('data-typed');
  if (form.elements._key) form.elements._key.value = freshKey();
  if (outcome.refused) return await render(), $('#queue').scrollIntoView(), true;
  if (form.dataset.then) location.assign(form.dataset.then);
  say('Kept on this phone. It is sent when the link is back.');
  return true;
}
