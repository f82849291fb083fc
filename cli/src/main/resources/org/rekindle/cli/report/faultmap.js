// The page-by-time maps: one small canvas for each strategy, all with the same two axes.

const FaultMaps = (() => {
  const { el, byId } = Page;
  const causes = [
    ['f-demand', 'demand: had to be read'],
    ['f-late', 'late: was already on its way'],
    ['f-zero', 'zero: a page of zeros, nothing to read'],
  ];
  const height = 190;
  const margin = { left: 62, right: 14, top: 10, bottom: 40 };
  const unpacked = new WeakMap(); // the points of each log, unpacked once
  let maps = [];

  /** The points of a log; see FaultMap.java for the bits. */
  function points(faults) {
    if (!unpacked.has(faults)) {
      const bytes = Uint8Array.from(atob(faults.points), c => c.charCodeAt(0));
      const words = new Uint32Array(bytes.buffer);
      const seconds = new Float32Array(words.length);
      const rows = new Uint16Array(words.length);
      const kinds = new Uint8Array(words.length);
      words.forEach((word, i) => {
        seconds[i] = Math.expm1((word >>> 16) / 65535 * Math.log1p(faults.spanMs)) / 1000;
        rows[i] = (word >>> 4) & 0xfff;
        kinds[i] = word & 0xf;
      });
      unpacked.set(faults, { seconds, rows, kinds });
    }
    return unpacked.get(faults);
  }

  function sentence(strategy) {
    const faults = strategy.faults;
    if (!faults) return 'no fault log: what it waited for is not known';
    if (faults.problem) return faults.problem;
    const all = faults.counts.reduce((a, b) => a + b, 0);
    if (all === 0) return 'no fault: the guest never had to wait for a page';
    const names = ['demand', 'late', 'zero'];
    return Format.count(all) + (all === 1 ? ' fault: ' : ' faults: ')
      + names.map((name, i) => faults.counts[i] > 0 ? Format.count(faults.counts[i]) + ' ' + name : null).filter(Boolean).join(', ');
  }

  function paint(canvas, strategy) {
    const width = Math.max(220, canvas.parentElement.clientWidth);
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = height + 'px';
    const pen = canvas.getContext('2d');
    pen.scale(ratio, ratio);
    const area = { left: margin.left, top: margin.top, width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
    const range = Time.range();
    const x = s => area.left + Time.place(s, range) * area.width;

    pen.fillStyle = Page.colour('panel');
    pen.fillRect(area.left, area.top, area.width, area.height);
    pen.font = '12px system-ui, sans-serif';
    pen.fillStyle = Page.colour('soft');
    pen.strokeStyle = Page.colour('grid');
    pen.lineWidth = 1;
    pen.textAlign = 'center';
    pen.textBaseline = 'top';
    for (const tick of Time.ticks(range, area.width)) {
      const at = Math.round(x(tick)) + 0.5;
      pen.beginPath();
      pen.moveTo(at, area.top);
      pen.lineTo(at, area.top + area.height + 4);
      pen.stroke();
      pen.fillText(tick.toLocaleString('en', { maximumSignificantDigits: 6 }), Math.min(at, width - 12), area.top + area.height + 7);
    }
    pen.fillText(Time.title, area.left + area.width / 2, area.top + area.height + 23);
    pen.textAlign = 'right';
    pen.textBaseline = 'middle';
    const bytes = strategy.faults?.memoryBytes;
    if (bytes) {
      for (const share of [0, 0.5, 1]) {
        pen.fillText(share === 0 ? '0' : Format.memory(bytes * share), area.left - 7, area.top + area.height * (1 - share) + (share === 1 ? 5 : share === 0 ? -4 : 0));
      }
    }

    const typical = strategy.runs.find(run => run.repetition === strategy.typical);
    for (const [ms, dash, colour] of [[typical.firstInstructionMs, [], 'ink'], [typical.allInMs, [4, 3], 'soft']]) {
      if (ms === null || ms / 1000 > range[1]) continue;
      pen.strokeStyle = Page.colour(colour);
      pen.setLineDash(dash);
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.moveTo(x(ms / 1000), area.top);
      pen.lineTo(x(ms / 1000), area.top + area.height);
      pen.stroke();
    }
    pen.setLineDash([]);

    if (strategy.faults?.points) {
      const { seconds, rows, kinds } = points(strategy.faults);
      for (let kind = causes.length - 1; kind >= 0; kind--) { // demand on top
        pen.fillStyle = Page.colour(causes[kind][0]);
        for (let i = 0; i < seconds.length; i++) {
          if (kinds[i] === kind) pen.fillRect(x(seconds[i]) - 1, area.top + area.height * (1 - rows[i] / 4096) - 1, 2, 2);
        }
      }
    }
  }

  function draw() {
    byId('fault-key').replaceChildren(
      ...causes.map(([colour, text]) => {
        const box = el('i');
        box.style.background = Page.colour(colour);
        return el('li', {}, box, text);
      }),
      el('li', {}, el('i', { class: 'rule' }), 'first instruction'),
      el('li', {}, el('i', { class: 'rule end' }), 'last page in'));
    maps = Page.strategies().map(strategy => {
      const text = sentence(strategy);
      const canvas = el('canvas', { role: 'img', 'aria-label': 'Page faults by time and place with ' + strategy.name + ': ' + text });
      const figure = el('figure', {}, el('figcaption', {}, el('b', {}, strategy.name), el('span', {}, text)), canvas);
      return { figure, canvas, strategy };
    });
    byId('fault-maps').replaceChildren(...maps.map(map => map.figure));
    fit();
  }

  const fit = () => { for (const { canvas, strategy } of maps) paint(canvas, strategy); };

  return { draw, fit, drawn: () => maps.length };
})();
