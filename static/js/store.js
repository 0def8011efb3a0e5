// What waits to be sent, in IndexedDB: shared by the pages, which write it, and the service worker, which sends it.
// An entry: { n, who, org, key, url, body, step, label, title, about, chain, from, at, state: 'waiting' | 'refused' | 'ready', reason, refused (HTML) }.
const opened = () => new Promise((done, fail) => {
  const asked = indexedDB.open('rounds', 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore('queue', { keyPath: 'n', autoIncrement: true });
  asked.onsuccess = () => done(asked.result);
  asked.onerror = () => fail(asked.error);
  asked.onblocked = asked.onerror;
});

// Runs one request; settled when its transaction has committed, not before.
async function inStore(mode, ask) {
  const db = await opened();
  try {
    return await new Promise((done, fail) => {
      const tx = db.transaction('queue', mode, { durability: 'strict' });
      const asked = ask(tx.objectStore('queue'));
      tx.oncomplete = () => done(asked.result);
      tx.onabort = () => fail(tx.error || new Error('aborted'));
      tx.onerror = tx.onabort;
    });
  } finally {
    db.close();
  }
}

export const entries = () => inStore('readonly', (s) => s.getAll());
export const putEntry = (entry) => inStore('readwrite', (s) => s.put(entry));
export const dropEntry = (n) => inStore('readwrite', (s) => s.delete(n));
// Whether anything can be written: a full disk lets one read. Leaves nothing behind, whenever the page goes.
export const tryStore = () => inStore('readwrite', (s) => {
  const put = s.put({ who: '' });
  put.onsuccess = () => s.delete(put.result);
  return put;
});
