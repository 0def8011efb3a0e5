// The customer field answers while one types: arrows, Enter, Escape or a tap choose.
import { $, $$ } from './dom.js';

for (const box of $$('[data-pick]')) {
  const input = $('[data-pick-text]', box);
  const hidden = $('input[type=hidden]', box);
  const list = document.createElement('ul');
  let asked = 0;
  let timer;
  let at = -1;
  list.role = 'listbox';
  list.id = `${input.id}-l`;
  list.hidden = true;
  list.setAttribute('aria-label', 'Matches');
  box.append(list);
  for (const [k, v] of Object.entries({ role: 'combobox', autocomplete: 'off', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': list.id })) input.setAttribute(k, v);

  const close = () => {
    list.hidden = true;
    at = -1;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  };
  const mark = (to) => {
    const all = [...list.children];
    if (!all.length) return;
    at = (to + all.length) % all.length;
    all.forEach((o, i) => o.setAttribute('aria-selected', i === at));
    input.setAttribute('aria-activedescendant', all[at].id);
    all[at].scrollIntoView({ block: 'nearest' });
  };
  const choose = (option) => {
    hidden.value = option.dataset.id;
    input.value = option.dataset.label;
    close();
    box.dispatchEvent(new CustomEvent('picked', { bubbles: true, detail: option.dataset.id }));
    if (box.dataset.pickGo) location.href = box.dataset.pickGo + option.dataset.id;
  };
  const ask = async () => {
    const mine = (asked += 1);
    const words = input.value.trim();
    if (!words) return close();
    let found;
    try {
      const answer = await fetch(`${box.dataset.pick}?search=${encodeURIComponent(words)}`, { headers: { accept: 'application/json' } });
      found = answer.ok ? await answer.json() : [];
    } catch {
      found = [];
    }
    if (mine !== asked) return;
    list.replaceChildren(...found.map((f, i) => {
      const option = document.createElement('li');
      option.role = 'option';
      option.id = `${list.id}${i}`;
      option.dataset.id = f.id;
      option.dataset.label = f.label;
      option.textContent = f.label;
      if (f.hint) {
        const hint = document.createElement('small');
        hint.textContent = ` ${f.hint}`;
        option.append(hint);
      }
      return option;
    }));
    list.hidden = !found.length;
    at = -1;
    input.setAttribute('aria-expanded', String(!list.hidden));
  };
  input.addEventListener('input', () => {
    hidden.value = '';
    clearTimeout(timer);
    timer = setTimeout(ask, 150);
  });
  input.addEventListener('keydown', (e) => {
    if (list.hidden) return;
    if (e.key === 'ArrowDown') mark(at + 1);
    else if (e.key === 'ArrowUp') mark(at - 1);
    else if (e.key === 'Enter' && at >= 0) choose(list.children[at]);
    else if (e.key === 'Escape') close();
    else return;
    e.preventDefault();
  });
  input.addEventListener('blur', () => setTimeout(close, 200));
  list.addEventListener('pointerdown', (e) => e.preventDefault());
  list.addEventListener('click', (e) => {
    const option = e.target.closest('[role=option]');
    if (option) choose(option);
  });
}
