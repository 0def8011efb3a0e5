// Shared by the behaviours; every page works without any of them.
export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
export const on = (type, listener, options) => document.addEventListener(type, listener, options);

// Says a line in the page's live region.
export function say(words) {
  const region = $('#status');
  if (!region) return;
  region.innerHTML = '<p class="flash"></p>';
  region.firstChild.textContent = words;
}

// crypto.randomUUID needs a secure context; getRandomValues does not.
export function freshKey() {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 15) | 64;
  b[8] = (b[8] & 63) | 128;
  const hex = [...b].map((x) => x.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
