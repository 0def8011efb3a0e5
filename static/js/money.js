// Amounts as people type them, in whole units and without floats. The same reading as platform/money.rs, tested by the same table;
// which signs and codes are currencies, the server alone knows.
const MARK = /^([a-z]{0,3}[$€£¥₩₹₪]|[a-z]{3}|r)\s*|\s*([a-z]{0,3}[$€£¥₩₹₪]|[a-z]{3}|r)$/i;
// Grouped or plain; a point, or a comma before something that is no group, begins the fraction.
const AMOUNT = /^(\d{1,3}((\.\d{3}){2,}|(,\d{3})+)|\d+|(\d{1,3}(,\d{3})+|\d*)\.(?<a>\d*)|\d{1,3}(\.\d{3})+,(?<b>\d*)|\d*,(?<c>\d?\d?))$/;

// `1.234,5` is [12345n, 1]: the digits, and how many of them are the fraction. Nothing for what the server refuses.
export function readAmount(typed) {
  let signs = '';
  const sign = (found) => (signs += found, '');
  const text = typed.trim().replace(/^\((.*)\)$/s, (all, inner) => sign('(') + inner.trim())
    .replace(/^[-−]\s*/, sign).replace(MARK, '').replace(/^[-−]\s*/, sign).replace(/[ \xa0\u202f'’]/g, '');
  const read = AMOUNT.exec(text)?.groups;
  const digits = text.replace(/\D/g, '');
  if (!read || !digits || digits[17] || signs[1]) return;
  return [BigInt((signs && '-') + digits), (read.a || read.b || read.c || '').length];
}

// Quantity times price in minor units of a currency with so many digits; halves away from zero.
export function lineTotal([quantity, a], [price, b], digits) {
  const exact = 2n * quantity * price * 10n ** BigInt(digits);
  const unit = 10n ** BigInt(a + b);
  return (exact + (exact < 0 ? -unit : unit)) / (2n * unit);
}
