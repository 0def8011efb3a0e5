// Takes card and social security numbers out of free text before it leaves the page.
// The same steps as platform/redact.rs, tested by the same table.
const JOINS = /^[ \xa0\u2011\u2013-]{1,3}$/, LETTER = /^[a-z_]/i
const luhn = s => s.length > 12 && s.length < 20 && [...s].reverse().reduce((t, c, i) => {
  const v = c * (1 + i % 2)
  return t + (v > 9 ? v - 9 : v)
}, 0) % 10 == 0

export function redact(text) {
  // p: gap, digits, gap, digits, …, gap
  const p = text.split(/([0-9]+)/), n = p.length, keep = [], end = []
  const len = i => p[i]?.length ?? 0
  const shape = (i, g, ...l) => l.every((w, k) => i + 2 * k < n && len(i + 2 * k) == w && (!k || g.test(p[i + 2 * k - 1])))
  const mark = (i, k) => { while (k--) keep[i + 2 * k] = 1 }
  const id = i => /[a-z_$]$/i.test(p[i - 1]) || LETTER.test(p[i + 1])
  for (let i = 1; i < n; i += 2) {
    const three = g => shape(i, g, 3, 2, 4)
    if (len(i) == 9 && /(^|[^a-z0-9])(ssn|social security)([^a-z0-9]{1,4}(number|no|num|is)){0,2}[^a-z0-9]{0,4}$/i.test(p[i - 1]) && !LETTER.test(p[i + 1])) end[i] = i, mark(i, 1)
    else if ((three(/^-$/) || three(/^ $/)) && !id(i) && !id(i + 4) && !/[+-]$/.test(p[i - 1]) && !(p[i + 1] == '-' && p[i + 5][0] == '-')
      && !/^(000|666|9)/.test(p[i]) && p[i + 2] != '00' && p[i + 4] != '0000') end[i] = i + 4, mark(i, 3), i += 4
  }
  for (let i = 1; i < n; i += 2) {
    const l = len(i), g = p[i + 1], a = i + 2 < n ? len(i + 2) : 0
    if (id(i) || l == 10 || l == 12 || l == 11 && p[i][0] == 1 || l == 8 && g == '-' && a == 4) mark(i, 1)
    if (shape(i, /^[ -]$/, 3, 3, 4) || shape(i, /^-$/, 4, 2, 2) || shape(i, /^-$/, 2, 2, 4)) mark(i, 3)
    if (shape(i, /^-$/, 5, 4) || g == '.' && a && a < 3 || g == ',' && a == 3) mark(i, 2)
    if ((g == '/' || g == ':') && a) {
      if (l < 3) mark(i, 1)
      if (a < 3 || a == 4) mark(i + 2, 1)
    }
    if (p[i - 1].endsWith('+')) for (let k = i, c = 0; k < n && c < 10 && (k == i || JOINS.test(p[k - 1])); k += 2) mark(k, 1), c += len(k)
  }
  const run = (i, j) => p.slice(i, j + 1).filter((_, k) => k % 2 == 0)
  for (let i = 1; i < n; i += 2) {
    if (keep[i]) continue
    let j = i
    while (j + 2 < n && !keep[j + 2] && JOINS.test(p[j + 1])) j += 2
    if (luhn(run(i, j).join(''))) end[i] = j
    else for (let k = i; k <= j; k += 2) for (let e = Math.min(j, k + 8); e >= k; e -= 2) {
      const r = run(k, e)
      if (/^(1[3-9]|4,4,4,4(,3)?|4,6,[45]|4,4,5|8,8)$/.test(r.map(s => s.length)) && luhn(r.join(''))) { end[k] = e; k = e; break }
    }
    i = j
  }
  let out = p[0]
  for (let i = 1; i < n; i += 2) {
    out += end[i] ? '[REDACTED]' : p[i]
    i = end[i] ?? i
    out += p[i + 1]
  }
  return out
}

function redactField({ target: field, type }) {
  if (!field.matches?.('textarea[data-redact]')) return
  const clean = redact(field.value)
  // While typing, a number that is still growing is left alone until the caret moves on.
  if (clean === field.value || type == 'input' && /[0-9]$/.test(field.value.slice(0, field.selectionEnd))) return
  field.value = clean
  // Over the page, not in it: nothing moves under a finger that is on its way to a button.
  const note = Object.assign(document.createElement('p'), { className: 'redact-note' })
  note.setAttribute('role', 'status')
  field.after(note)
  setTimeout(() => note.remove(), 8e3)
  note.textContent = 'A card or social security number was taken out.'
}

globalThis.document?.addEventListener('input', redactField)
globalThis.document?.addEventListener('focusout', redactField)
