// A block of the calendar let go at another time or technician: the move form opens with that filled in and names what is in the way.
import { on } from './dom.js';

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
  const time = [Math.floor(minutes / 60), minutes % 60].map((n) => String(n).padStart(2, '0')).join(':');
  const asked = new URLSearchParams(`calendar=1&${to.dataset.drop}&time=${time}`);
  const from = new URLSearchParams(held.parentNode.dataset.drop).get('technician');
  if (from && asked.has('technician')) asked.set('instead', from);
  location = `${held.href}/move?${asked}`;
});
