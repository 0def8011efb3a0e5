// Copying and sharing, menus that close, previews, drafts, proposals.
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

if ($('form[method=post] :is(textarea,[data-lines])') || sessionStorage.arrived || sessionStorage.sent) import($('script[data-drafts]').dataset.drafts);

// How long a visit will take follows what is chosen, as long as nobody types it: the page that checks the form knows.
on('change', async ({ target }) => {
  const minutes = target.form && $('[data-proposed]', target.form);
  if (!minutes || !target.matches('select')) return;
  const body = new URLSearchParams(new FormData(target.form));
  body.set('check', 1);
  const answer = await fetch(target.form.action, { method: 'POST', body }).catch(() => {});
  const now = answer && $('[data-proposed]', new DOMParser().parseFromString(await answer.text(), 'text/html'));
  if (!now) return;
  minutes.placeholder = now.placeholder;
  $(`#${minutes.id}-h`).textContent = $(`#${minutes.id}-h`, now.form).textContent;
});
