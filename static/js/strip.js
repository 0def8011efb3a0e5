// The strip that shows what waits to be sent, what was not taken and why, and how old a kept page is.
import { $ } from './dom.js';
import { putEntry, dropEntry } from './store.js';
import { show } from './forms.js';
import { render } from './queue.js';

const words = { waiting: 'Waiting for the link', sending: 'Sending…', signIn: 'Sign in again to send it' };
const clockTime = (at) => new Date(at).toTimeString().slice(0, 5).replace(/^0/, '');
const add = (into, tag, text, more = {}) => into.appendChild(Object.assign(document.createElement(tag), { textContent: text }, more));

// Server text without its tags; entities become letters.
function plainText(html) {
  const box = document.createElement('textarea');
  box.innerHTML = html || '';
  return box.value;
}

// The server's own answer to a refused entry, with what was typed and what stands against it.
function look(entry) {
  sessionStorage.mends = `${entry.n} ${entry.url}`;
  return show(entry.from, entry.refused, 409, [['content-type', 'text/html; charset=utf-8']]);
}

function row(list, states, ring, entry) {
  const li = add(list, 'li', '');
  add(li, 'b', entry.label);
  li.append(` ${entry.title}, ${clockTime(entry.at)} `);
  const button = (text, act) => add(li, 'button', text, { type: 'button', className: 'btn small', onclick: act });
  if (entry.state === 'ready') {
    add(li, 'a', 'Review and complete', { className: 'btn small go', href: `${entry.from}#review` });
  } else if (entry.state === 'refused') {
    li.className = 'note bad';
    add(li, 'p', `Not taken: ${plainText(entry.reason) || 'it needs another look'}`);
    button('Look at it', () => look(entry));
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
    else add(li, 'span', words[state], { className: 'dim' });
  }
}

export function draw(box, mine, others, states, ring) {
  const kept = $('meta[name=kept]')?.content;
  box.replaceChildren();
  if (kept) {
    const day = new Date(kept).toDateString() === new Date().toDateString() ? '' : `${new Date(kept).toLocaleDateString([], { weekday: 'short' })} `;
    const note = add(box, 'p', states.fresh ? 'The link is back. ' : `No link. This page is as of ${day}${clockTime(kept)}.`, { className: 'note' });
    if (states.fresh) add(note, 'a', 'Show the page as it is now', { href: location.pathname + location.search });
  }
  if (mine.length) {
    const list = add(box, 'ul', '', { className: 'queue' });
    for (const entry of mine) row(list, states, ring, entry);
  }
  if (others) add(box, 'p', document.body.dataset.who ? 'Entries of another sign-in wait on this phone. They go when that person signs in.' : 'What was entered waits on this phone for the link.', { className: 'dim' });
  box.hidden = !box.children.length;
}
