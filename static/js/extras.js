// Copying and sharing, menus that close, previews.
import { $, $$, on, say } from './dom.js';

on('click', async (e) => {
  const button = e.target.closest('[data-copy],[data-share],[data-print]');
  for (const menu of $$('details.menu[open]')) if (!menu.contains(e.target)) menu.open = false;
  if (!button) return;
  const { copy, share, title } = button.dataset;
  if ('print' in button.dataset) return print();
  try {
    if (share && navigator.share) return await navigator.share({ url: share, title });
    await navigator.clipboard.writeText(copy || share);
    say('Copied');
  } catch (error) {
    if (error.name !== 'AbortError') window.prompt('Copy this', copy || share);
  }
});

function preview(area) {
  const out = $(area.dataset.preview);
  const vars = JSON.parse(area.dataset.vars || '{}');
  if (out) out.textContent = area.value.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name) => vars[name] ?? whole);
}
$$('[data-preview]').forEach(preview);
on('input', (e) => e.target.dataset.preview && preview(e.target));
