// A form says that it is sending, is sent once, and keeps its key for a repeated try. Where a service worker stands behind the page,
// the answer comes with the next page in one round trip, and a lost link leaves the page, and what was typed, as they are.
import { $, $$, on, say, freshKey } from './dom.js';
import { mended, strip } from './queue.js';

const here = () => location.pathname + location.search;

// A page reached without an error means that the filling-in before it has arrived.
function settle() {
  const sent = sessionStorage.sent;
  if (!sent) return;
  const status = performance.getEntriesByType('navigation')[0]?.responseStatus || 200;
  const [key, path] = sent.split(' ');
  if (status < 400 && path !== here()) sessionStorage.arrived = key;
  delete sessionStorage.sent;
}

export function rest(form) {
  form.removeAttribute('aria-busy');
  delete form.dataset.sent;
  for (const b of $$('.sending', form)) b.classList.remove('sending');
  const key = form.elements._key;
  if (key && key.value === sessionStorage.arrived) key.value = freshKey();
}

// Shows a page that has come already, at its own address.
export async function show(at, html, status = 200, headers = []) {
  const asked = new MessageChannel();
  const put = new Promise((done) => { asked.port1.onmessage = done; });
  navigator.serviceWorker.controller.postMessage({ next: at, html, status, headers }, [asked.port2]);
  await put;
  location[at === here() ? 'replace' : 'assign'](at);
}

function plainly(form, submitter) {
  if (submitter?.name) form.append(Object.assign(document.createElement('input'), { type: 'hidden', name: submitter.name, value: submitter.value }));
  HTMLFormElement.prototype.submit.call(form);
}

const reason = (html) => $('[data-reason]', new DOMParser().parseFromString(html, 'text/html'))?.textContent || '';

async function send(form, body, submitter) {
  const key = body.get('_key') || freshKey();
  let answer;
  try {
    const headers = { 'x-rounds-follow': '1', 'x-rounds-key': key };
    answer = await fetch(submitter?.hasAttribute('formaction') ? submitter.formAction : form.action, { method: 'POST', body, headers, redirect: 'manual', signal: AbortSignal.timeout(45e3) });
    // To another site, or a file: the browser's own way. An answer without the key is none of ours (a hotel's sign-in page).
    if (answer.type === 'opaqueredirect') return plainly(form, submitter);
    if (answer.headers.get('x-rounds-key') !== key) throw new Error('not ours');
    if (!/html/.test(answer.headers.get('content-type'))) return plainly(form, submitter);
    const html = await answer.text();
    // A page that says no without the form would take what was typed with it: its words come here instead.
    if (!answer.ok && !html.includes('<body class="app"')) {
      rest(form);
      // 500 and above: it may be saved; the form keeps its key.
      return say(`${answer.status === 401 ? 'You are signed out; sign in again in another tab.' : reason(html)} ${answer.status > 499 ? 'Send it again, it counts once:' : 'This was not saved;'} what you typed is still here.`);
    }
    if (answer.ok) {
      sessionStorage.arrived = key;
      await mended(form.action);
    }
    await show(answer.ok ? answer.headers.get('content-location') || here() : here(), html, answer.status, [...answer.headers]);
  } catch {
    rest(form);
    say('No link. This was not sent; what you typed is still here. Send it again when the link is back: it counts once.');
  }
}

const enhanced = (form) => navigator.serviceWorker?.controller && form.enctype !== 'multipart/form-data' && !form.target
  && !/^\/(sign-|businesses|demo)/.test(new URL(form.action).pathname) && document.body.dataset.who;

on('submit', async (e) => {
  const { target: form, submitter } = e;
  // Not `form.method`: a field of that name, as on the page of a payment, stands in its place.
  if (e.defaultPrevented || !form.matches('[method=post]')) return;
  if (form.dataset.sent) return e.preventDefault();
  form.dataset.sent = 1;
  form.setAttribute('aria-busy', 'true');
  (submitter || form.querySelector('.btn'))?.classList.add('sending');
  if (!enhanced(form)) {
    const key = form.elements._key;
    if (key) sessionStorage.sent = `${key.value} ${here()}`;
    return;
  }
  e.preventDefault();
  const body = new URLSearchParams(new FormData(form, submitter));
  if (!('queue' in form.dataset && await strip().then((s) => s.queued(form, body), () => false))) await send(form, body, submitter);
});

addEventListener('pageshow', () => {
  settle();
  $$('form').forEach(rest);
});

on('click', (e) => {
  if (e.target.closest('[data-retry]')) {
    e.preventDefault();
    location.reload();
  }
});
