// Rows of a ticket or an invoice: add, remove, and the running total.
import { $, $$, on } from './dom.js';
import { lineTotal, readAmount } from './money.js';

// What is left empty is what its placeholder says: the service's own price, one piece.
const read = (input, otherwise) => readAmount(input?.value || input?.placeholder || '') || otherwise;

function sum(list) {
  const total = $('[data-total]', list) || $('[data-total]', list.closest('form'));
  if (!total) return;
  // `CHF 0.00`: the currency's sign and how many digits come behind the point.
  const [, symbol, digits] = /^(\D*)0\.?(\d*)$/.exec(total.dataset.zero);
  const n = digits.length;
  const show = (units) => {
    const text = String(units < 0n ? -units : units).padStart(n + 1, '0');
    const whole = text.slice(0, text.length - n).replace(/\B(?=(\d{3})+$)/g, ',');
    return (units < 0n ? '-' : '') + symbol + whole + (n ? `.${text.slice(-n)}` : '');
  };
  let all = 0n;
  for (const row of $$('[data-line]', list)) {
    if ($('[data-drop]', row)?.checked) continue;
    // An empty price follows the chosen service, and stays the catalogue's until a person types one.
    const price = $('[data-price]', row);
    const own = $(':checked[data-usual]', row)?.dataset.usual;
    if (own) price.placeholder = own;
    const units = lineTotal(read($('[data-qty]', row), [1n, 0]), read(price, [0n, 0]), n);
    const amount = $('[data-amount]', row);
    if (amount) amount.textContent = show(units);
    all += units;
  }
  total.textContent = show(all);
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
  sum(list);
}
on('reset', (e) => setTimeout(() => $$('[data-lines]', e.target).forEach(sum)));
