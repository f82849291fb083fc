// The page's state, its colours and the few elements everything is made of. Text from the data only
// ever becomes text nodes.

addEventListener('error', event => { document.documentElement.dataset.error = event.message; });

const Page = (() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const root = document.documentElement;
  const state = { condition: 0, window: '1s', log: false, hidden: new Set() };
  const listeners = [];

  /** An element with attributes and children (text or elements). */
  function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
    }
    element.append(...children.filter(child => child !== null && child !== undefined));
    return element;
  }

  const byId = id => document.getElementById(id);
  const condition = () => data.conditions[state.condition];
  const strategies = () => condition() ? condition().strategies : [];
  const shown = () => strategies().filter(each => !state.hidden.has(each.name));

  /** Calls back now and after every change. */
  function draw(listener) {
    listeners.push(listener);
    listener();
  }

  function change(update) {
    Object.assign(state, update);
    for (const listener of listeners) listener();
  }

  function toggle(name) {
    if (!state.hidden.delete(name)) state.hidden.add(name);
    change({});
  }

  // Colours: canvas needs them resolved for the theme in force, so the browser is asked.
  const probe = root.appendChild(el('span', { hidden: '' }));
  function colour(name) {
    probe.style.color = 'var(--' + name + ')';
    return getComputedStyle(probe).color;
  }

  const known = {
    'adaptive': { colour: 's-adaptive', dash: [], width: 3 },
    'working-set': { colour: 's-working-set', dash: [9, 4], width: 2 },
    'lazy': { colour: 's-lazy', dash: [3, 3], width: 2 },
    'eager': { colour: 's-eager', dash: [12, 4, 3, 4], width: 2 },
    'stock QEMU': { colour: 's-peer', dash: [2, 5], width: 2.5 },
  };
  const others = [
    { colour: 's-other-1', dash: [6, 3], width: 2 },
    { colour: 's-other-2', dash: [14, 4], width: 2 },
    { colour: 's-other-3', dash: [2, 2], width: 2 },
  ];
  const unknown = [...new Set(data.conditions.flatMap(c => c.strategies.map(s => s.name)))]
    .filter(name => !Object.hasOwn(known, name)).sort();

  /** How a strategy is drawn, everywhere: colour, dashes, width. */
  function look(name) {
    const style = Object.hasOwn(known, name) ? known[name] : others[unknown.indexOf(name) % others.length];
    return { ...style, stroke: colour(style.colour) };
  }

  /** The piece of line that stands for a strategy. */
  function swatch(name) {
    const canvas = el('canvas', { width: 68, height: 24, 'aria-hidden': 'true' });
    const pen = canvas.getContext('2d');
    const { stroke, dash, width } = look(name);
    pen.scale(2, 2);
    pen.strokeStyle = stroke;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(0, 6);
    pen.lineTo(34, 6);
    pen.stroke();
    return canvas;
  }

  /** A row of radio buttons that look like one switch. */
  function choice(fieldset, name, options, chosen, choose) {
    for (const [value, label] of options) {
      const input = el('input', { type: 'radio', name, value });
      input.checked = value === chosen;
      input.addEventListener('change', () => choose(value));
      fieldset.append(el('label', {}, input, el('span', {}, label)));
    }
  }

  function theme(name) {
    if (name) root.dataset.theme = name; else delete root.dataset.theme;
    change({});
  }

  return { data, state, el, byId, condition, strategies, shown, draw, change, toggle, colour, look, swatch, choice, theme };
})();
