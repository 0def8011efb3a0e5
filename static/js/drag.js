// A block of the calendar let go at another time or technician: the move form opens with that filled in and names what is in the way.
// A click in free time books from where one clicked.
import { on } from './dom.js';

const clock = (minutes) => [Math.floor(minutes / 60), minutes % 60].map((n) => String(n).padStart(2, '0')).join(':');

let held;
let grip;
on('dragstart', (e) => {
  held = matchMedia('(min-width: 900px)').matches && e.target.closest?.('[data-moves]');
  if (!held) return;
  const box = held.getBoundingClientRect();
  grip = e.clientY - box.top;
  e.dataTransfer.setDragImage(held, e.clientX - box.left, grip);
});
on('dragend', () => { held = null; });
on('dragover', (e) => held && e.target.closest('[data-drop]') && e.preventDefault());
on('drop', (e) => {
  const to = held && e.target.closest('[data-drop]');
  if (!to) return;
  e.preventDefault();
  const rows = Math.round((e.clientY - grip - to.getBoundingClientRect().top) / 16);
  const minutes = Math.max(0, Number(to.closest('[data-start]').dataset.start) + rows * 15);
  const time = clock(minutes);
  const asked = new URLSearchParams(`calendar=1&${to.dataset.drop}&time=${time}`);
  const from = new URLSearchParams(held.parentNode.dataset.drop).get('technician');
  if (from && asked.has('technician')) asked.set('instead', from);
  location = `${held.href}/move?${asked}`;
});

on('click', (e) => {
  const free = e.target.closest('.gap');
  // Not by the keyboard, and not in the list of narrow screens, where a block's height says nothing.
  if (!free || !e.detail || getComputedStyle(free).gridRowStart === 'auto') return;
  const { top, height } = free.getBoundingClientRect();
  const rows = Math.max(0, Math.min(Math.floor((e.clientY - top) / 16), Math.round(height / 16) - 2));
  const to = new URL(free.href);
  const [hours, minutes] = (free.dataset.from ??= to.searchParams.get('time')).split(':').map(Number);
  to.searchParams.set('time', clock(hours * 60 + minutes + rows * 15));
  free.href = to;
});
