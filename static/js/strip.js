// The strip that shows what waits to be sent, what was not taken and why, and how old a kept page is.
import { $, $$ } from './dom.js';
import { entries, putEntry, dropEntry } from './store.js';
import { show } from './forms.js';
import { render, ring, states } from './queue.js';

const words = { waiting: 'Waiting for the link', sending: 'Sending…', signIn: 'Sign in again to send it' };
const clockTime = (at) => new Date(at).toTimeString().slice(0, 5).replace(/^0/, '');
const add = (into, tag, text, more = {}) => into.appendChild(Object.assign(document.createElement(tag), { textContent: text }, more));

// Server text without its tags; entities become letters.
function plainText(html) {
  const box = document.createElement('textarea');
  box.innerHTML = html || '';
  return box.value;
}

// What a person wrote in an entry, without what the form added.
const typed = (entry) => [...new URLSearchParams(entry.body)].filter(([name, value]) => value && !/^_|_id$|_at$|_seen$|^planned$|version$/.test(name)).map(([, value]) => value).join('\n');

// The server's own answer to a refused entry, with what was typed and what stands against it.
function look(entry) {
  sessionStorage.mends = `${entry.n} ${entry.url}`;
  return show(entry.from, entry.refused, 409, [['content-type', 'text/html; charset=utf-8']]);
}

function row(list, entry) {
  const li = add(list, 'li', '');
  add(li, 'b', entry.label);
  li.append(` ${entry.title}, ${clockTime(entry.at)} `);
  const button = (text, act) => add(li, 'button', text, { type: 'button', className: 'btn small', onclick: act });
  if (entry.state === 'ready') {
    add(li, 'a', 'Review and complete', { className: 'btn small go', href: `${entry.from}#review` });
  } else if (entry.state === 'refused') {
    li.className = 'note bad';
    add(li, 'p', `Not taken: ${plainText(entry.reason) || 'it needs another look'}`);
    // An error's page has no form that shows what was typed.
    if (entry.refused?.includes('<body class="app"')) button('Look at it', () => look(entry));
    else add(li, 'p', typed(entry));
    button('Send it anyway', async () => {
      const body = new URLSearchParams(entry.body);
      for (const seen of ['planned', 'draft_version', 'lines_seen', '_version']) body.delete(seen);
      await putEntry({ ...entry, body: body.toString(), state: 'waiting' });
      await render();
      ring();
    });
    button('Drop it', async () => {
      if (!confirm('Drop this entry? It is not on record anywhere else.')) return;
      await dropEntry(entry.n);
      await render();
      ring();
    });
  } else {
    const state = states[entry.n] || 'waiting';
    if (state === 'signIn') add(li, 'a', words[state], { href: `/sign-in?next=${encodeURIComponent(location.pathname)}` });
    else add(li, 'span', state === 'waiting' && entry.tries ? 'Not taken yet. It is sent again.' : words[state], { className: 'dim' });
  }
}

// A clock-in that waits offers the clock-out, and the other way round.
function clocks(mine) {
  for (const bar of $$('[data-clocks]')) {
    const last = mine.filter((e) => e.state === 'waiting' && e.about === bar.dataset.clocks && /clock-(in|out)$/.test(e.url)).pop();
    if (last) for (const form of $$('form[data-timed]', bar)) form.hidden = form.action === last.url;
  }
}

// Signs out, once the person knows what is unsent; it stays on the phone.
export async function leave(form) {
  const { who } = document.body.dataset;
  const left = (await entries().catch(() => [])).filter((x) => x.who === who).length + Object.keys(localStorage).filter((k) => k.startsWith(`draft:${who}:`)).length;
  if (!left || confirm(`${left === 1 ? 'One entry is' : `${left} entries are`} not sent yet. They stay on this phone and go when you sign in again. Sign out?`)) form.submit();
}

export function draw(box, mine, others) {
  clocks(mine);
  const kept = $('meta[name=kept]')?.content;
  box.replaceChildren();
  if (kept) {
    const day = new Date(kept).toDateString() === new Date().toDateString() ? '' : `${new Date(kept).toLocaleDateString([], { weekday: 'short' })} `;
    const note = add(box, 'p', states.fresh ? 'The link is back. ' : `No link. This page is as of ${day}${clockTime(kept)}.`, { className: 'note' });
    if (states.fresh) add(note, 'a', 'Show the page as it is now', { href: location.pathname + location.search });
  }
  if (mine.length) {
    const list = add(box, 'ul', '', { className: 'queue' });
    for (const entry of mine) row(list, entry);
  }
  if (others) add(box, 'p', document.body.dataset.who ? 'Entries of another sign-in wait on this phone. They go when that person signs in.' : 'What was entered waits on this phone for the link.', { className: 'dim' });
  box.hidden = !box.children.length;
}
