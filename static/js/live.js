// A page that others change follows: the server says what happened, the page fetches itself again and takes over what differs.
// Not out of sight, not with Save-Data, not on a weak link; nothing moves under somebody who types or has something open.
import { $, $$, on } from './dom.js';
import { canFetchAhead } from './page.js';

const live = $('main[data-live]')?.dataset;
let since = live?.since;
let stream;
let patience = 5e3;
let due;
let stale;
let told;

// Where the browser tells nothing of the link, the page itself was the measure.
function isFar() {
  const [page] = performance.getEntriesByType('navigation');
  return page?.responseStart - page?.requestStart > 350;
}

function follow() {
  const wanted = live && !document.hidden && canFetchAhead() && !isFar();
  if (wanted && stream?.readyState === 1) return;
  stream?.close();
  stream = null;
  if (!wanted) return;
  stream = new EventSource(`/live?after=${since}`);
  stream.onopen = () => {
    patience = 5e3;
    if (stale) soon();
  };
  stream.onmessage = ({ data, lastEventId }) => {
    since = lastEventId;
    if (`live. ${live.live}`.split(' ').some((word) => data.includes(word))) soon();
  };
  // A lost link mends itself; an answer that is no stream (a restart behind a proxy) does not.
  stream.onerror = () => stream.readyState === 2 && setTimeout(follow, patience *= 2);
}

function soon() {
  stale = true;
  due ||= setTimeout(refresh, 150);
}

async function refresh() {
  stale = false;
  try {
    const answer = await fetch(location.href);
    if (answer.status > 499) throw answer;
    if (!answer.redirected) takeOver(answer.ok && new DOMParser().parseFromString(await answer.text(), 'text/html'));
    due = 0;
    if (stale) soon();
  } catch {
    due = 0;
    stale = true;
  }
}

// A node by itself, without what scripts put there.
function bare(node) {
  const copy = node.cloneNode();
  for (const name of ['aria-busy', 'data-sent', 'data-since']) copy.removeAttribute?.(name);
  return copy;
}

// The smallest parts that differ; a form's fresh key and a running clock's minutes don't count.
function compare(was, now, found) {
  if (was.name === '_key' || was.isEqualNode(now)) return found;
  const inner = [...was.childNodes];
  if (!bare(was).isEqualNode(bare(now)) || inner.length !== now.childNodes.length) found.push([was, now]);
  else if (!was.dataset?.clock) inner.forEach((part, i) => compare(part, now.childNodes[i], found));
  return found;
}

function swap([was, now]) {
  const held = document.activeElement;
  const mark = (el) => el.getAttribute('href') || el.outerHTML;
  const within = was.contains(held);
  was.replaceWith(now);
  if (within) $$(held.localName).find((el) => mark(el) === mark(held))?.focus({ preventScroll: true });
}

// No page: it is no longer there for this person.
function takeOver(page) {
  const found = page ? ['nav', '.top', 'main'].flatMap((part) => compare($(part), $(part, page), [])) : [page];
  told?.remove();
  if (!found.length) return;
  told = document.createElement('p');
  if (!page || $('[open],[aria-busy=true],[data-typed]') || document.activeElement.matches('input,select,textarea')) {
    told.className = 'flash';
    told.innerHTML = 'Changed by someone else. <button class="btn small" data-retry>Show</button>';
  } else {
    found.forEach(swap);
    told.className = 'vh';
    told.textContent = 'Updated.';
  }
  $('#status').append(told);
}

on('input', (e) => e.target.closest('[method=post]')?.setAttribute('data-typed', ''));
on('dragstart', (e) => e.target.setAttribute?.('data-typed', ''));
on('dragend', (e) => e.target.removeAttribute?.('data-typed'));
on('visibilitychange', follow);
for (const type of ['pageshow', 'online']) addEventListener(type, follow);
