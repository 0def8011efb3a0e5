// The budgets of the weak link, what was measured beside them, and how both are printed.

const KB = 1024;
const units = {
  ms: (v) => `${(v / 1000).toFixed(2)} s`,
  bytes: (v) => `${(v / KB).toFixed(1)} KB`,
  count: (v) => String(v),
};

/** The lines of the table. `plain`: the budget holds without JavaScript, too. No `limit`: told, not judged. */
const lines = {
  requests: { what: 'requests from tapping the current ticket to back at the calendar', unit: 'count', limit: 5 },
  bytes: { what: 'bytes of packets for all of it, both directions, warm', unit: 'bytes', limit: 40 * KB, plain: true },
  first: { what: 'first visit ever, sign-in link to usable home page: HTML, CSS, JS, icons', unit: 'bytes', limit: 30 * KB },
  html: { what: 'any technician page, warm: HTML', unit: 'bytes', limit: 10 * KB, plain: true },
  warm: { what: 'any technician page, warm: tap to content', unit: 'ms', limit: 1000, plain: true },
  cold: { what: 'any technician page, cold connection, nothing cached: to content', unit: 'ms', limit: 3000, plain: true },
  typing: { what: 'typing, step changes: requests', unit: 'count', limit: 0 },
  review: { what: 'review, while the model is silent', unit: 'ms', limit: 4000 },
  form: { what: 'a form’s answer that redirects (two round trips): tap to content', unit: 'ms' },
  ahead: { what: 'notes sent ahead: requests', unit: 'count' },
  live: { what: 'live connections opened meanwhile', unit: 'count' },
  later: { what: 'first visit: fetched ahead once home is usable', unit: 'bytes' },
  travelled: { what: 'first visit: bytes of packets both ways, TLS and all', unit: 'bytes' },
};

/** Least, median, and what nine of ten stay under. */
function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  return { min: sorted[0], median: at(0.5), p90: at(0.9), loads: sorted.length };
}

const measured = [];

/** Values for a line; `about` names the page where a line is about several. Judged is the median, of the worst page. */
export function record(line, js, values, about = '') {
  const { limit, plain } = lines[line];
  const s = spread(values);
  measured.push({ line, js, about, ...s, missed: limit !== undefined && (js || plain) && s.median > limit });
}

export const anyMissed = () => measured.some((m) => m.missed);

const rangeOf = (m, unit) => `${units[unit](m.min)} – ${units[unit](m.p90)}`;

/** The worst of what a line is about, or nothing. */
function worst(line, js) {
  return measured.filter((m) => m.line === line && m.js === js).sort((a, b) => b.median - a.median)[0];
}

function cell(line, js) {
  const m = worst(line, js);
  if (!m) return '';
  const { unit } = lines[line];
  const range = m.min === m.p90 ? '' : ` (${rangeOf(m, unit)})`;
  return `${units[unit](m.median)}${range}${m.about && `, ${m.about}`}${m.missed ? ', **missed**' : ''}`;
}

function put(rows, markdown) {
  if (markdown) rows.splice(1, 0, rows[0].map(() => '---'));
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  for (const row of rows) console.log(markdown ? `| ${row.join(' | ')} |` : row.map((text, i) => text.padEnd(widths[i])).join('  ').trimEnd());
}

/** The budgets, each with its worst page: median (least – p90). Then every figure, unless it is for a page of Markdown. */
export function print(markdown) {
  const wanted = Object.entries(lines).filter(([line]) => measured.some((m) => m.line === line));
  put([
    ['on the weak link', 'at most', 'with JavaScript', 'without'],
    ...wanted.map(([line, { what, unit, limit }]) => [what, limit === undefined ? '' : units[unit](limit), cell(line, true), cell(line, false)]),
  ], markdown);
  if (markdown) return;
  console.log();
  put([
    ['each figure', '', 'median', 'least – p90', 'loads', ''],
    ...measured.map((m) => {
      const { what, unit } = lines[m.line];
      return [m.about ? `${m.line}: ${m.about}` : what, m.js ? '' : 'without JS', units[unit](m.median), rangeOf(m, unit), String(m.loads), m.missed ? 'missed' : ''];
    }),
  ], false);
}
