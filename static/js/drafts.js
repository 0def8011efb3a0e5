// What is typed into a form where more than a line is written is kept on this phone until it is sent, and is there again when the form is:
// after another page, Back, a tab that was closed. The close-out's form does this by itself.
import { $, $$, on, say } from './dom.js';
import { redact } from './redact.js';

const { who } = document.body.dataset;
const mine = `draft:${who}:`;
const month = 30 * 864e5;
const forms = () => $$('form[method=post]:not([data-wizard])').filter((form) => $('textarea,[data-lines]', form));
const targetOf = (form) => new URL(form.getAttribute('action') || location.href, location.href);

// By where it goes; what makes something new is told apart by the page it stands on.
function keyOf(form) {
  const to = targetOf(form);
  const place = /[0-9a-f-]{36}/.test(to.pathname) ? to.pathname : to.pathname + location.search;
  const twins = forms().filter((f) => targetOf(f).href === to.href);
  return `${mine}${place}#${twins.indexOf(form)}`;
}

const isChoice = (f) => /^(checkbox|radio)$/.test(f.type);
function isChanged(f) {
  if (f.options) return f.selectedIndex !== Math.max(0, [...f.options].findIndex((o) => o.defaultSelected));
  return isChoice(f) ? f.checked !== f.defaultChecked : f.value !== f.defaultValue || (f.type === 'hidden' && f.closest('[data-pick]'));
}
const fieldsOf = (form) => [...form.elements].filter((f) => f.name && !/^_/.test(f.name) && !/^(file|password|submit|button|fieldset)$/.test(f.type));
const nameOf = (row) => $('[name]', row)?.name;

function save({ target }) {
  const form = target.form || target.closest?.('form');
  if (!form || !forms().includes(form)) return;
  const values = fieldsOf(form).filter(isChanged).map((f) => [f.name, 'redact' in f.dataset ? redact(f.value) : f.value, isChoice(f) ? f.checked : null]);
  const { _key: key, _version: version } = form.elements;
  try {
    localStorage.setItem(keyOf(form), JSON.stringify({ key: key?.value, version: version?.value, rows: $$('[data-line]', form).map(nameOf), values, saved: Date.now() }));
  } catch {
    say('This phone has no room left to keep what you type. Send it soon.');
  }
}

const read = (name) => {
  try {
    return JSON.parse(localStorage.getItem(name)) || {};
  } catch {
    return {};
  }
};

// What has arrived has done its service; what nobody came back to in a month is not waited for.
function clear() {
  for (const name of Object.keys(localStorage).filter((k) => k.startsWith(mine))) {
    const { key, saved } = read(name);
    // The close-out's own draft says nothing of this.
    if (saved && ((key && key === sessionStorage.arrived) || Date.now() - saved > month)) localStorage.removeItem(name);
  }
}

function restore(form) {
  const { values = [], rows = [], version } = read(keyOf(form));
  if (!values.length) return;
  const lines = $('[data-lines]', form);
  const has = (name) => $$('[data-line]', lines).some((row) => nameOf(row) === name);
  for (const name of lines ? rows : []) for (let more = 100; more && !has(name); more -= 1) $('[data-add]', lines).click();
  for (const row of lines ? $$('[data-line]', lines) : []) if (!rows.includes(nameOf(row))) row.remove();
  for (const [name, value, checked] of values) {
    const f = fieldsOf(form).find((g) => g.name === name && (checked === null || g.value === value));
    if (!f) continue;
    if (checked === null) f.value = value;
    else f.checked = checked;
    f.closest('details')?.setAttribute('open', '');
  }
  // Typed on this version: what others saved meanwhile is compared by the server, not written over.
  if (version && form.elements._version) form.elements._version.value = version;
  const note = document.createElement('p');
  note.className = 'dim';
  note.innerHTML = 'What you typed before is here again. <button type="button" class="link">Discard it</button>';
  note.lastChild.onclick = () => {
    localStorage.removeItem(keyOf(form));
    location.replace(location.href);
  };
  form.prepend(note);
  (lines || form).dispatchEvent(new Event('input', { bubbles: true }));
}

function begin() {
  clear();
  // A refused form comes with what was typed.
  if (performance.getEntriesByType('navigation')[0]?.responseStatus < 400) forms().forEach(restore);
}

for (const type of ['input', 'change', 'picked']) on(type, save);
on('reset', (e) => forms().includes(e.target) && localStorage.removeItem(keyOf(e.target)));
addEventListener('pagehide', clear);
if (document.readyState === 'complete') begin();
else addEventListener('pageshow', begin, { once: true });
