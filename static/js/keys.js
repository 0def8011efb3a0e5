// The keyboard for all of it; `?` shows the keys.
import { $, $$, on } from './dom.js';

const places = { t: ['/', 'Today'], c: ['/calendar', 'Calendar'], k: ['/contacts', 'Customers'], i: ['/invoices', 'Invoices'], m: ['/messages', 'Messages'], s: ['/settings', 'Settings'] };
let going = false;
// On the way to another page: what is typed now is not meant for this one.
let leaving = false;
const leave = (href) => {
  leaving = true;
  location.href = href;
};
addEventListener('pageshow', () => { leaving = false; });

function find() {
  const bar = $('#find');
  if (bar?.offsetParent) return bar.select();
  const here = $('main [type=search]');
  if (here) return here.select();
  const link = $('[data-find]');
  if (link) leave(link.href);
}

function help() {
  const box = document.createElement('dialog');
  const keys = [['/', 'Find anything'], ['n', 'New ticket'], ...Object.entries(places).map(([k, [, name]]) => [`g ${k}`, name]), ['j k', 'Down and up a list'], ['Esc', 'Close']];
  box.innerHTML = '<h2>Keys</h2><dl class="rows"></dl><form method="dialog" class="mt"><button class="btn">Close</button></form>';
  box.setAttribute('aria-label', 'Keys');
  for (const [key, words] of keys) {
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.innerHTML = '<kbd></kbd>';
    dt.firstChild.textContent = key;
    dd.textContent = words;
    $('dl', box).append(dt, dd);
  }
  box.addEventListener('close', () => box.remove());
  document.body.append(box);
  box.showModal();
}

on('keydown', (e) => {
  const typing = e.target.matches('input:not([type=checkbox],[type=radio]),textarea,select') || e.target.isContentEditable;
  if (e.key === 'k' && (e.ctrlKey || e.metaKey)) {
    e.preventDefault();
    return find();
  }
  if (e.key === 'Escape') {
    for (const menu of $$('details.menu[open]')) {
      menu.open = false;
      $('summary', menu).focus();
    }
  }
  if (typing || e.ctrlKey || e.metaKey || e.altKey || $('dialog[open]') || leaving) return;
  if (shortcut(e.key)) e.preventDefault();
});

// A key pressed before this script was here: a letter for the field that an earlier one opened, or a shortcut.
export function press(key) {
  const field = document.activeElement;
  if (leaving) return;
  if (!field.matches('input')) return void shortcut(key);
  field.setRangeText(key, field.selectionStart, field.selectionEnd, 'end');
  field.dispatchEvent(new Event('input', { bubbles: true }));
}

function shortcut(key) {
  const rows = $$('main .name');
  const row = rows.indexOf(document.activeElement);
  if (going) {
    going = false;
    if (places[key]) leave(places[key][0]);
  } else if (key === 'g') {
    going = true;
    setTimeout(() => { going = false; }, 1500);
  } else if (key === '/') {
    find();
    return true;
  } else if (key === '?') help();
  else if (key === 'n' && $('.desk')) leave($('.desk').href);
  else if (key === 'j') rows[Math.min(row + 1, rows.length - 1)]?.focus();
  else if (key === 'k') rows[Math.max(row - 1, 0)]?.focus();
}
