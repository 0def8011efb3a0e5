// Close-out, one step at a time: the step is in the address, so Back works; what is typed is kept on the phone
// until the ticket is complete; the notes go ahead while the person goes on. What nobody touched is not kept: it comes
// with the page, as the ticket and the clock then are.
import { $, $$, freshKey, say } from './dom.js';
import { redact } from './redact.js';
import { entries } from './store.js';

const wizard = $('form[data-wizard]');
const signal = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

function startWizard(form) {
  const steps = $$('[data-step]', form);
  const names = steps.map((s) => s.dataset.step);
  const key = `draft:${document.body.dataset.who}:${form.dataset.draft}`;
  const { about } = form.dataset;
  const back = $('[data-back]', form);
  const next = $('[data-next]', form);
  const finish = $('[data-done]', form);
  const title = $('h1');
  const bar = $('.title .prog');
  const count = $('[data-count]');
  count.setAttribute('aria-live', 'polite');
  title.tabIndex = -1;
  form.classList.add('on');
  for (const plain of $$('[data-plain]', form)) plain.remove();

  const lines = $('[data-lines]', form);
  const { lines_seen: seen } = form.elements;
  const fields = () => [...form.elements].filter((f) => f.name && !/^(_org|draft_version|filling|lines_seen|free|go)$/.test(f.name));
  const read = () => {
    try {
      return JSON.parse(localStorage.getItem(key)) || null;
    } catch {
      return null;
    }
  };
  let reached = 0;
  let at = 0;
  let ahead = '';
  // A line's field is known by the line, one added at the door by its order: the office may change what is there.
  const idOf = (row) => $('[name$=".id"]', row)?.value;
  const added = () => $$('[data-line]', lines).filter((row) => !idOf(row));
  const named = (f) => {
    const row = f.closest('[data-line]');
    return row ? f.name.replace(/\d+/, idOf(row) || added().indexOf(row)) : f.name;
  };
  // What a person has changed; all there is where the server showed what was typed.
  const touched = new Set();
  let refused;
  const save = () => {
    for (const f of fields()) {
      if (refused || /^_|\[\d+]/.test(named(f)) || f.value !== f.defaultValue || f.checked !== f.defaultChecked) touched.add(named(f));
    }
    // A choice is kept whole: with what it was before.
    const values = fields().filter((f) => touched.has(named(f))).map((f) => [named(f), redact(f.value), /checkbox|radio/.test(f.type) ? f.checked : null]);
    try {
      localStorage.setItem(key, JSON.stringify({ values, added: added().length, seen: seen.value, reached, at }));
    } catch {
      say('This phone has no room left for what you type. Send it soon.');
    }
  };
  const restore = (was) => {
    for (let n = added().length; n < was.added; n += 1) $('[data-add]', lines).click();
    for (let [name, value, checked] of was.values) {
      // As an earlier release named it.
      name = name.replace(/^line_(.+?)_(.+)/, 'lines[$2].$1').replace('.p', '.unit_p');
      if (/^lines/.test(name)) {
        // A still earlier one did not say of which lines.
        if (!was.seen) continue;
        // Typed on other lines than these: the server compares, and shows both.
        seen.value = was.seen;
      }
      const f = fields().find((g) => named(g) === name && (checked === null || g.value === value));
      if (!f) continue;
      touched.add(name);
      if (checked === null) f.value = value;
      else f.checked = checked;
    }
    lines.dispatchEvent(new Event('input', { bubbles: true }));
  };
  // Clocked without a link: the time on site comes from what waits on this phone, as long as nothing was typed.
  const fromClock = async () => {
    const [hours, minutes] = [form.elements.worked_hours, form.elements.worked_minutes];
    let since = 0;
    let sum = 0;
    for (const e of await entries()) {
      if (e.about !== about || !/clock-(in|out)$/.test(e.url)) continue;
      const when = Date.parse(new URLSearchParams(e.body).get('occurred_at'));
      if (e.url.endsWith('in')) since = when;
      else if (since) [sum, since] = [sum + when - since, 0];
    }
    const worked = Math.round((sum + (since && Date.now() - since)) / 6e4);
    if (!worked || hours.value || minutes.value) return;
    // Nobody typed it: reopened later, it is counted anew.
    hours.defaultValue = Math.floor(worked / 60);
    minutes.defaultValue = worked % 60;
  };
  // What is sent later holds all that was sent before: an earlier one still on its way could arrive last, and is given up.
  let early;
  const post = (url, step, signal = AbortSignal.timeout(12e3)) => fetch(url, { method: 'POST', body: new URLSearchParams(new FormData(form)), headers: { 'x-step': step, 'x-rounds-key': key, 'x-rounds-who': document.body.dataset.who }, keepalive: true, signal });
  const review = async () => {
    const into = $('[data-review-into]', form);
    if (!form.dataset.review || !into) return;
    into.setAttribute('aria-busy', 'true');
    // Completing comes after the review is on screen.
    finish.hidden = true;
    early?.abort();
    try {
      const answer = await post(form.dataset.review, 'review');
      if (answer.headers.get('x-rounds-key') !== key || answer.status >= 500 || answer.status === 401) throw new Error(answer.status);
      // Someone else was here: the server shows both sides.
      if (!answer.ok) {
        form.action = form.dataset.review;
        return form.submit();
      }
      // The answer was made from the fields as they are: it brings what was changed here before.
      into.innerHTML = await answer.text();
      save();
      signal('reviewed', about);
      finish.hidden = false;
    } catch {
      into.innerHTML = '<p class="note">Not sent yet. It is kept on this phone and goes ahead when the link is back; the review then waits for you.</p>';
      const body = new URLSearchParams(new FormData(form));
      signal('enqueue', { key: freshKey(), url: new URL(form.dataset.review, location.href).href, body: body.toString(), step: 'review', label: 'Close-out', about });
    }
    into.removeAttribute('aria-busy');
  };
  const show = (to, focus) => {
    const from = at;
    at = Math.max(0, Math.min(to, steps.length - 1));
    reached = Math.max(reached, at);
    steps.forEach((s, i) => {
      s.hidden = i !== at;
      bar.children[i].classList.toggle('on', i <= at);
    });
    bar.setAttribute('aria-label', `Step ${at + 1} of ${steps.length}`);
    const last = at === steps.length - 1;
    back.hidden = at === 0;
    next.hidden = last;
    finish.hidden = !last;
    next.textContent = last ? '' : `Next: ${(steps[at + 1].dataset.short || steps[at + 1].dataset.title).toLowerCase()}`;
    title.textContent = steps[at].dataset.title;
    count.textContent = `${at + 1} of ${steps.length}`;
    if (focus) {
      scrollTo(0, 0);
      title.focus({ preventScroll: true });
    }
    const notes = names.indexOf('notes');
    if (form.dataset.notesAhead && from === notes && at > notes) {
      const words = form.elements.notes.value;
      if (words !== ahead) {
        early?.abort();
        early = new AbortController();
        post(form.dataset.notesAhead, 'notes', early.signal).then(() => { ahead = words; }, () => {});
      }
    }
    if (last && focus) review();
  };
  const fits = () => {
    const wrong = $$('input,select,textarea', steps[at]).find((f) => !f.checkValidity());
    wrong?.reportValidity();
    return !wrong;
  };
  const kept = read();
  // The server shows what was typed, at the step where it is refused.
  refused = 'refused' in form.dataset;
  if (kept && !refused) {
    restore(kept);
    reached = kept.reached;
  }
  const wanted = names.indexOf(location.hash.slice(1));
  const first = refused ? steps.findIndex((s) => !s.hidden) : wanted >= 0 ? Math.min(wanted, reached) : kept?.at || 0;
  if (refused) reached = steps.length - 1;
  history.replaceState(null, '', `#${names[first]}`);
  show(first, false);
  if (first === steps.length - 1 && !refused) review();

  const go = (to) => {
    show(to, true);
    save();
    history.pushState(null, '', `#${names[at]}`);
  };
  next.addEventListener('click', () => fits() && go(at + 1));
  back.addEventListener('click', () => history.back());
  addEventListener('popstate', () => {
    const to = names.indexOf(location.hash.slice(1));
    // A link to a field keeps its step; a step further on than the person has come is not opened.
    if (to < 0) return show(Math.max(0, steps.findIndex((s) => location.hash && $(location.hash, s))), false);
    if (to > at && !fits()) return history.replaceState(null, '', `#${names[at]}`);
    show(Math.min(to, reached), true);
    save();
  });
  form.addEventListener('input', save);
  form.addEventListener('change', save);
  form.addEventListener('keydown', (e) => {
    if (e.key === 'Enter' && e.target.matches('input') && at < steps.length - 1) {
      e.preventDefault();
      next.click();
    }
  });
  // The key of this filling-in stays with the draft, and tells it from another phone's.
  for (const b of $$('[data-forget]')) b.addEventListener('click', () => localStorage.removeItem(key));
  if (form.elements._key) form.elements.filling.value ||= form.elements._key.value;
  navigator.serviceWorker?.addEventListener('message', ({ data }) => {
    if (data.sent && data.step && data.about === about && at === steps.length - 1) review();
  });
  fromClock().catch(() => {});
}
if (wizard) startWizard(wizard);
