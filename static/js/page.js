// The running clock, what only a desk needs, links fetched under the finger.
import { $, $$, on } from './dom.js';

function tick() {
  for (const clock of $$('[data-clock]')) {
    const minutes = Math.max(0, Math.floor((Date.now() - Date.parse(clock.dataset.clock)) / 60000));
    clock.textContent = `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`;
  }
}
if ($('[data-clock]')) {
  tick();
  setInterval(tick, 15000);
}

if (matchMedia('(pointer:fine)').matches || $('.cal')) {
  const { desk } = $('script[data-desk]')?.dataset || {};
  // Keys pressed before its script is here wait for it.
  const early = [];
  const wait = (e) => {
    if (!/^\S$/.test(e.key) || e.ctrlKey || e.metaKey || e.target.matches('input,textarea,select')) return;
    e.preventDefault();
    early.push(e.key);
  };
  on('keydown', wait);
  if (desk) import(desk).then(({ press }) => early.forEach(press)).finally(() => document.removeEventListener('keydown', wait));
}

const link = navigator.connection;
const fetched = new Set();
export const canFetchAhead = () => !link || (!link.saveData && !/2g/.test(link.effectiveType || '') && !(link.rtt > 350));
function ahead(e) {
  const a = e.target.closest?.('a[href]');
  if (!a || a.origin !== location.origin || a.hash || a.target || a.download || 'noAhead' in a.dataset || fetched.has(a.href) || !canFetchAhead()) return;
  fetched.add(a.href);
  navigator.serviceWorker?.controller?.postMessage({ hold: a.href });
}
on('touchstart', ahead, { passive: true });
let hover;
on('mouseover', (e) => {
  clearTimeout(hover);
  hover = setTimeout(ahead, 80, e);
});
