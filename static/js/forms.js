// A form says that it is sending, is sent once, and keeps its key for a repeated try.
import { $$, on, freshKey } from './dom.js';

const keyOf = (form) => form.elements._key;

// A page reached without an error means that the filling-in before it has arrived.
function settle() {
  const sent = sessionStorage.sent;
  if (!sent) return;
  const status = performance.getEntriesByType('navigation')[0]?.responseStatus || 200;
  const [key, path] = sent.split(' ');
  if (status < 400 && path !== location.pathname + location.search) sessionStorage.arrived = key;
  delete sessionStorage.sent;
}

function rest(form) {
  form.removeAttribute('aria-busy');
  delete form.dataset.sent;
  for (const b of $$('.sending', form)) b.classList.remove('sending');
  const key = keyOf(form);
  if (key && key.value === sessionStorage.arrived) key.value = freshKey();
}

on('submit', (e) => {
  const form = e.target;
  if (e.defaultPrevented || form.method !== 'post') return;
  if (form.dataset.sent) return e.preventDefault();
  form.dataset.sent = 1;
  form.setAttribute('aria-busy', 'true');
  (e.submitter || form.querySelector('.btn'))?.classList.add('sending');
  if (keyOf(form)) sessionStorage.sent = `${keyOf(form).value} ${location.pathname}${location.search}`;
});

addEventListener('pageshow', () => {
  settle();
  $$('form').forEach(rest);
});

on('click', (e) => {
  if (e.target.closest('[data-retry]')) {
    e.preventDefault();
    location.reload();
  }
});
