// The service worker: pages and files kept for the time without a link, and the queue's sender.
// It renders nothing and knows no rule of the product: it keeps what the server made, and repeats what a page sent.
const FILES = 'files', NEXT = 'next';
// Pages of customers, of people not signed in, and of programs are none of our business.
const passed = /^\/(c|i|u|api|demo\/stripe|businesses|live|healthz|readyz|metrics)(\/|$)/;
const keptOf = (who) => `kept:${who}`;
const tell = async (words) => (await clients.matchAll({ includeUncontrolled: true })).forEach((c) => c.postMessage(words));
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

self.addEventListener('install', (e) => e.waitUntil((async () => {
  const files = await caches.open(FILES);
  await Promise.all([...INSTALLED, '/offline'].map(async (url) => (url !== '/offline' && await files.match(url)) || files.add(url)));
  await skipWaiting();
})()));

self.addEventListener('activate', (e) => e.waitUntil((async () => {
  await registration.navigationPreload?.disable();
  await clients.claim();
})()));

// Only one member's pages are ever here. What is being fetched ahead when they go is not kept any more.
let erased = 0;
async function erase(but) {
  const others = (await caches.keys()).filter((name) => name.startsWith('kept:') && name !== but);
  if (others.length || !but) {
    coming.clear();
    erased += 1;
  }
  for (const name of others.length || !but ? [...others, NEXT] : []) await caches.delete(name);
}

async function whoIsHere() {
  return (await caches.keys()).find((name) => name.startsWith('kept:'))?.slice(5);
}

const plainUrl = (url) => {
  const u = new URL(url, location.href);
  u.hash = '';
  return u.href;
};

// Keeps a page for its member; a page of another member's drives the first one's out.
async function keep(url, answer, who = answer.headers.get('x-rounds-who')) {
  if (!who || answer.status !== 200 || !/^text\/html/.test(answer.headers.get('content-type'))) return;
  await erase(keptOf(who));
  const kept = await caches.open(keptOf(who));
  const headers = plain(answer.headers);
  headers.set('x-kept-at', new Date().toISOString());
  const body = await answer.blob();
  await kept.put(plainUrl(url), new Response(body, { headers }));
  const all = await kept.keys();
  for (const old of all.slice(0, Math.max(0, all.length - 400))) await kept.delete(old);
}

// The page as it was, saying so: its script reads the mark.
async function keptPage(url) {
  const who = await whoIsHere();
  const kept = who && await caches.open(keptOf(who));
  const u = new URL(plainUrl(url));
  const found = kept && (await kept.match(u.href, { ignoreVary: true }) || await kept.match(u.href.replace(/technician=[^&]*/, 'technician='), { ignoreVary: true }));
  if (!found) return;
  const html = (await found.text()).replace('</head>', `<meta name="kept" content="${found.headers.get('x-kept-at')}"></head>`)
    .replace(/(<div role="status" id="status">).*?<\/div>/s, '$1</div>');
  return new Response(html, { headers: plain(found.headers) });
}

// The body is here unpacked, whatever travelled.
function plain(all) {
  const headers = new Headers(all);
  headers.delete('content-encoding');
  headers.delete('content-length');
  return headers;
}

async function once(url) {
  const next = await caches.open(NEXT);
  const found = await next.match(url, { ignoreVary: true });
  if (!found) return;
  await next.delete(url, { ignoreVary: true });
  return Date.now() - found.headers.get('x-next-at') < 10e3 ? found : undefined;
}

// Something is written: a page held from before it is old.
async function dropHeld() {
  coming.clear();
  await caches.delete(NEXT);
}

async function forOnce(url, answer) {
  await dropHeld();
  const headers = plain(answer.headers);
  headers.set('x-next-at', Date.now());
  await (await caches.open(NEXT)).put(plainUrl(url), new Response(await answer.blob(), { status: answer.status, headers }));
}

// A page fetched while the finger goes down is there when it comes up; held for a moment, shown once.
const coming = new Map();
async function hold(url) {
  if (coming.has(url)) return;
  coming.set(url, fetch(url, { headers: { accept: 'text/html' } }).catch(() => {}));
  await wait(5000);
  coming.delete(url);
}

async function ask(request, url) {
  const held = coming.get(url);
  coming.delete(url);
  const answer = await held;
  return answer?.ok && !answer.redirected ? answer : fetch(request);
}

async function page(e) {
  const url = plainUrl(e.request.url);
  const told = await once(url);
  if (told) return told;
  const asked = ask(e.request, url);
  const arrived = asked.then((answer) => {
    const copy = answer.status === 200 && !answer.redirected && answer.clone();
    if (copy) e.waitUntil(keep(url, copy).catch(() => {}));
    return answer;
  });
  let kept;
  try {
    // A link that hangs is no link: what was kept is shown, where there is something.
    const slow = wait(4000).then(async () => (kept = await keptPage(url)) || arrived);
    const answer = await Promise.race([arrived, slow]);
    if (answer === kept) arrived.then(() => tell({ fresh: url }), () => {});
    return answer;
  } catch {
    return (await keptPage(url)) || (await (await caches.open(FILES)).match('/offline', { ignoreVary: true })) || Response.error();
  }
}

async function file(request) {
  const files = await caches.open(FILES);
  const found = await files.match(request, { ignoreVary: true });
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) await files.put(request, answer.clone());
  return answer;
}

self.addEventListener('fetch', (e) => {
  const { request } = e;
  const url = new URL(request.url);
  if (url.origin !== location.origin) return;
  // Whoever comes here has left, or, once the server knows it, is at another business.
  if (request.mode === 'navigate' && /^\/sign-(in|out)(\/|$)/.test(url.pathname)) return e.waitUntil(erase());
  if (request.mode === 'navigate' && request.method === 'POST' && /^\/businesses(\/|$)/.test(url.pathname)) {
    return e.respondWith(fetch(request).then(async (answer) => (await erase(), answer)));
  }
  if (request.method !== 'GET') return e.waitUntil(dropHeld());
  if (passed.test(url.pathname)) return;
  if (url.pathname.startsWith('/assets/')) return e.respondWith(file(request));
  if (request.mode === 'navigate') e.respondWith(page(e));
});

// Today and tomorrow, fetched ahead: only what changed since, one after the other; looked for again after ten minutes.
let taking;
const ahead = () => taking ||= takeAhead().catch(() => {}).finally(() => { taking = null; });

async function takeAhead() {
  const here = await whoIsHere();
  const last = here && await (await caches.open(keptOf(here))).match('/keep');
  if (Date.now() - last?.headers.get('x-kept-at') < 6e5) return;
  const answer = await fetch('/keep', { headers: { accept: 'application/json' } });
  const who = answer.headers.get('x-rounds-who');
  if (!answer.ok || !who) return;
  await erase(keptOf(who));
  const begun = erased;
  const kept = await caches.open(keptOf(who));
  const { pages } = await answer.json();
  const marks = await (await kept.match('/keep'))?.json() || {};
  for (const [url, mark] of pages) {
    if (marks[url] === mark && await kept.match(url, { ignoreVary: true })) continue;
    const got = await fetch(url, { headers: { accept: 'text/html' } });
    if (erased !== begun) return;
    if (got.redirected || !got.ok) continue;
    await keep(url, got, who);
    marks[url] = mark;
    await kept.put('/keep', Response.json(marks));
  }
  // Only now is it known that all of it is here.
  await kept.put('/keep', Response.json(marks, { headers: { 'x-kept-at': Date.now() } }));
  // Files of pages that are gone go with them.
  const files = await caches.open(FILES);
  const all = await files.keys();
  for (const old of all.slice(0, Math.max(0, all.length - 40))) await files.delete(old);
}

// One sender at a time, whoever rings.
function flush() {
  return navigator.locks.request('queue', async () => {
    const stuck = new Set();
    for (const entry of await entries()) {
      // What builds on a refused entry of the same record waits for the person's answer.
      const chain = entry.chain && entry.about;
      if (entry.state === 'refused' && chain) stuck.add(chain);
      if (entry.state !== 'waiting' || stuck.has(chain) || entry.who !== (await whoIsHere() || entry.who)) continue;
      const outcome = await send(entry);
      if (outcome === 'refused' && chain) stuck.add(chain);
      if (!outcome) return false;
    }
    return true;
  });
}

// Until when a page waits for an entry's answer, to show it.
const awaited = {};

// Sends one entry, only under the member who made it: 'sent', 'refused', or nothing where it has to wait.
async function send(entry) {
  await tell({ sending: entry.n });
  const body = new URLSearchParams(entry.body);
  if (body.has('occurred_at')) body.set('device_now', new Date().toISOString());
  let answer;
  try {
    answer = await fetch(entry.url, {
      method: 'POST',
      body,
      headers: { 'x-rounds-key': entry.key, 'x-rounds-who': entry.who, 'x-rounds-follow': '1', ...(entry.step && { 'x-step': entry.step }) },
      redirect: 'manual',
      signal: AbortSignal.timeout(30e3),
    });
    // Only our own server knows the key: anything else is somebody's page in between.
    if (answer.headers.get('x-rounds-key') !== entry.key || /429|503/.test(answer.status)) throw new Error('no answer');
  } catch {
    return void await tell({ waiting: entry.n });
  }
  const here = answer.headers.get('x-rounds-who');
  if (answer.status === 401 || (here && here !== entry.who)) {
    return void await tell({ signIn: entry.n });
  }
  const tries = (entry.tries || 0) + 1;
  if (answer.status >= 500 && tries < 5) {
    await putEntry({ ...entry, tries });
    return void await tell({ waiting: entry.n, failed: true });
  }
  // What the server could not digest five times is the person's to decide, and lets the next ones go on.
  if (answer.status >= 400) {
    const html = await answer.text();
    const reason = html.match(/data-reason[^>]*>(.*?)<\/(p|div|li|ul|h1)>/s)?.[1].replace(/<[^>]*>/g, ' ').trim();
    await putEntry({ ...entry, tries: 0, state: 'refused', reason, refused: html });
    await tell({ refused: entry.n, label: entry.label });
    return 'refused';
  }
  const at = answer.headers.get('content-location');
  await dropHeld();
  if (at && answer.status === 200) {
    await keep(at, answer.clone());
    if (Date.now() < awaited[entry.n]) await forOnce(at, answer);
  }
  // A close-out that was sent ahead waits for its review, as a prompt.
  if (entry.step) await putEntry({ ...entry, state: 'ready' });
  else await dropEntry(entry.n);
  await tell({ sent: entry.n, at, label: entry.label, step: entry.step, from: entry.from, about: entry.about });
  return 'sent';
}

self.addEventListener('sync', (e) => e.tag === 'queue' && e.waitUntil(flush().then((all) => {
  if (!all) throw new Error('again later');
})));

self.addEventListener('message', (e) => {
  const { data } = e;
  if (data.awaits) awaited[data.awaits] = data.until;
  if (data.flush) e.waitUntil(flush());
  if (data.hold) e.waitUntil(hold(plainUrl(data.hold)));
  if (data.ahead) e.waitUntil(ahead());
  // The page that a form's answer brought: shown once, at its own address.
  if (data.next) e.waitUntil(forOnce(data.next, new Response(data.html, { status: data.status, headers: data.headers })).then(() => e.ports[0].postMessage(1)));
});
