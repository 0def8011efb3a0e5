// The running clock, links fetched under the finger, copying and sharing, menus that close, previews.
import { $, $$, on, say } from './dom.js';

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

const link = navigator.connection;
const fetched = new Set();
export const canFetchAhead = () => !link || (!link.saveData && !/2g/.test(link.effectiveType || '') && !(link.rtt > 350));
function ahead(e) {
  const a = e.target.closest?.('a[href]');
  if (!a || a.origin !== location.origin || a.hash || a.target || a.download || 'noAhead' in a.dataset || fetched.has(a.href) || !canFetchAhead()) return;
  fetched.add(a.href);
  const hint = document.createElement('link');
  hint.rel = 'prefetch';
  hint.href = a.href;
  document.head.append(hint);
}
on('touchstart', ahead, { passive: true });
let hover;
on('mouseover', (e) => {
  clearTimeout(hover);
  hover = setTimeout(ahead, 80, e);
});

on('click', async (e) => {
  const button = e.target.closest('[data-copy],[data-share],[data-print]');
  for (const menu of $$('details.menu[open]')) if (!menu.contains(e.target)) menu.open = false;
  if (!button) return;
  const { copy, share, title } = button.dataset;
  if ('print' in button.dataset) return print();
  try {
    if (share && navigator.share) return await navigator.share({ url: share, title });
    await navigator.clipboard.writeText(copy || share);
    say('Link copied');
  } catch (error) {
    if (error.name !== 'AbortError') window.prompt('Copy this link', copy || share);
  }
});

function preview(area) {
  const out = $(area.dataset.preview);
  const vars = JSON.parse(area.dataset.vars || '{}');
  if (out) out.textContent = area.value.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name) => vars[name] ?? whole);
}
$$('[data-preview]').forEach(preview);
on('input', (e) => e.target.dataset.preview && preview(e.target));
