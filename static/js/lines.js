// Rows of a ticket or an invoice: add, remove, and the running total.
import { $, $$, on } from './dom.js';

const amountOf = (input) => Number((input?.value || '').replace(/[^0-9.-]/g, '')) || 0;

function sum(list) {
  const total = $('[data-total]', list.closest('form'));
  const show = (n) => (total?.dataset.symbol || '') + n.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  let all = 0;
  for (const row of $$('[data-line]', list)) {
    if ($('[data-drop]', row)?.checked) continue;
    const quantity = $('[data-qty]', row);
    const cents = Math.round((quantity ? amountOf(quantity) : 1) * amountOf($('[data-price]', row)) * 100);
    const amount = $('[data-amount]', row);
    if (amount) amount.textContent = show(cents / 100);
    all += cents;
  }
  if (total) total.textContent = show(all / 100);
}

for (const list of $$('[data-lines]')) {
  let next = $$('[data-line]', list).length;
  // The spare row is for pages without script.
  $('[data-spare]', list)?.remove();
  for (const b of $$('[data-add],[data-remove]', list)) b.hidden = false;
  list.addEventListener('click', (e) => {
    const remove = e.target.closest('[data-remove]');
    if (remove) {
      const row = remove.closest('[data-line]');
      const near = row.nextElementSibling?.matches('[data-line]') ? row.nextElementSibling : row.previousElementSibling;
      row.remove();
      (($('input,select,button', near || list)) || list).focus();
    } else if (e.target.closest('[data-add]')) {
      const template = $('template', list);
      const holder = document.createElement('div');
      holder.innerHTML = template.innerHTML.replaceAll('__i__', next).replaceAll('--i--', next);
      next += 1;
      const row = holder.firstElementChild;
      const remove = $('[data-remove]', row);
      if (remove) remove.hidden = false;
      template.before(row);
      $('input:not([type=hidden]),select,textarea', row)?.focus();
    } else return;
    list.dispatchEvent(new Event('input', { bubbles: true }));
  });
  list.addEventListener('input', () => sum(list));
  // Choosing a service fills in what is still empty: `data-price` and `data-name` on the option.
  list.addEventListener('change', (e) => {
    const option = e.target.selectedOptions?.[0];
    const price = $('[data-price]', e.target.closest('[data-line]') || list);
    if (option?.dataset.price && price && !price.value) price.value = option.dataset.price;
    sum(list);
  });
  sum(list);
}
on('reset', (e) => setTimeout(() => $$('[data-lines]', e.target).forEach(sum)));
