// The two line plots. One time axis for the whole page: what stands below one another happened at
// the same time.

const Time = (() => {
  /** The seconds that every plot shows. */
  function range() {
    let last = 0;
    let first = Infinity;
    for (const s of Page.strategies()) {
      for (const run of s.runs) {
        for (const curve of Object.values(run.curves)) {
          if (curve.length > 0) last = Math.max(last, curve[curve.length - 1][0]);
        }
        for (const ms of [run.firstHeartbeatMs, run.backToNormalMs]) last = Math.max(last, (ms ?? 0) / 1000);
        for (const ms of [run.firstInstructionMs, run.firstHeartbeatMs]) if (ms) first = Math.min(first, ms / 1000);
      }
    }
    last = last > 0 ? last * 1.06 : 1;
    const decade = 10 ** Math.floor(Math.log10(Math.min(Math.max(first, 0.002), last / 10)));
    return Page.state.log ? [decade, last] : [0, last];
  }

  /** Whether the fastest would be squeezed into a corner by the slowest on a linear axis. */
  function needsLog() {
    const ends = Page.strategies().map(s => s.numbers['1s@0.9']).filter(Boolean).map(n => n.median);
    return ends.length > 1 && Math.max(...ends) > 15 * Math.max(1, Math.min(...ends));
  }

  /** Where the axis has numbers, for a width in pixels. */
  function ticks([min, max], width) {
    if (Page.state.log) {
      const roomy = width / Math.log10(max / min) > 150;
      const all = [];
      for (let decade = min; decade <= max; decade *= 10) {
        for (const step of roomy ? [1, 2, 5] : [1]) if (decade * step <= max) all.push(Number((decade * step).toPrecision(3)));
      }
      return all;
    }
    const rough = (max - min) / Math.max(2, width / 80);
    const decade = 10 ** Math.floor(Math.log10(rough));
    const step = decade * [1, 2, 5, 10].find(s => s * decade >= rough);
    const all = [];
    for (let i = Math.ceil(min / step); i * step <= max; i++) all.push(Number((i * step).toPrecision(6)));
    return all;
  }

  /** 0 to 1 along the axis. */
  const place = (s, [min, max]) => Page.state.log
    ? Math.log(Math.max(s, min) / min) / Math.log(max / min)
    : (s - min) / (max - min);

  return { range, needsLog, ticks, place, title: 'time since the restore command (s)' };
})();

const Plots = (() => {
  const { el, byId } = Page;
  const font = '12px system-ui, sans-serif';
  const charts = new Map(); // by container id: the chart on show and how to resize it

  /** The value of a line at a time, between its points; null outside of it. */
  function at(line, s) {
    const { xs, ys } = line;
    if (xs.length === 0 || s < xs[0]) return null;
    if (s >= xs[xs.length - 1]) return line.endless ? ys[ys.length - 1] : null;
    let low = 0;
    for (let high = xs.length - 1; high - low > 1;) {
      const middle = (low + high) >> 1;
      if (xs[middle] <= s) low = middle; else high = middle;
    }
    return ys[low] + (ys[low + 1] - ys[low]) * (s - xs[low]) / (xs[low + 1] - xs[low]);
  }

  /**
   * Draws lines over time.
   *
   * spec: { height, lines: [{ name, xs, ys, faint, endless }], yRange, yTicks, yShow, yTitle, valueShow,
   *         before(pen, u), after(pen, u), describe, notes }
   */
  function chart(id, spec) {
    const container = byId(id);
    const focused = container.contains(document.activeElement) ? document.activeElement.dataset.strategy : null;
    charts.get(id)?.u.destroy();

    const values = new Map();
    const legend = el('ul', { class: 'legend', 'aria-label': 'Strategies; press to hide or show' });
    for (const s of Page.strategies()) {
      const value = el('span', { class: 'value' });
      values.set(s.name, value);
      const button = el('button', { type: 'button', 'aria-pressed': String(!Page.state.hidden.has(s.name)), 'data-strategy': s.name },
        Page.swatch(s.name), s.name, value);
      button.addEventListener('click', () => Page.toggle(s.name));
      legend.append(el('li', {}, button));
    }
    const when = el('span', { class: 'at' });
    const box = el('div', { class: 'chart', tabindex: 0, role: 'img', 'aria-label': spec.describe });
    container.replaceChildren(legend, el('p', { class: 'axis-title' }, el('span', {}, spec.yTitle), when), box,
      ...spec.notes.map(note => el('p', { class: 'note' }, note)));
    if (focused) [...legend.querySelectorAll('button')].find(b => b.dataset.strategy === focused)?.focus();

    const range = Time.range();
    const ink = Page.colour('soft');
    const grid = { stroke: Page.colour('grid'), width: 1 };
    const axis = { stroke: ink, font, labelFont: font, grid, ticks: { ...grid, size: 5 } };
    const width = () => Math.max(200, box.clientWidth);
    // Points left of a logarithmic axis are drawn on its edge.
    const clamped = spec.lines.map(line => [line.xs.map(x => Math.max(x, range[0])), line.ys]);
    const tables = clamped.map(([xs, ys]) => [distinct(xs), ys]);
    const u = new uPlot({
      width: width(),
      height: spec.height,
      padding: [10, 16, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false }, sync: { key: 'time', scales: ['x', null] } },
      scales: {
        x: { time: false, distr: Page.state.log ? 3 : 1, range: () => range },
        y: { range: () => spec.yRange },
      },
      axes: [
        { ...axis, size: 34, label: Time.title, labelSize: 22, splits: () => Time.ticks(range, width() - 70), filter: (_, s) => s,
          values: (_, s) => s.map(v => v.toLocaleString('en', { maximumSignificantDigits: 6 })) },
        { ...axis, size: 54, splits: () => spec.yTicks, values: (_, s) => s.map(spec.yShow) },
      ],
      series: [{}, ...spec.lines.map(line => {
        const { stroke, dash, width: thickness } = Page.look(line.name);
        return line.faint
          ? { stroke, width: 1, alpha: 0.45, spanGaps: true, points: { show: false } }
          : { stroke, dash, width: thickness, spanGaps: true, points: { show: false } };
      })],
      hooks: {
        drawAxes: [u => onPlot(u, spec.before)],
        draw: [u => onPlot(u, spec.after)],
        setCursor: [u => {
          const inside = u.cursor.left >= 0;
          const s = inside ? u.posToVal(u.cursor.left, 'x') : null;
          when.textContent = inside ? 'at ' + Format.time(s) : '';
          for (const [name, value] of values) {
            const line = spec.lines.find(l => l.name === name && !l.faint);
            const y = inside && line ? at(line, s) : null;
            value.textContent = y === null ? '' : spec.valueShow(y);
          }
        }],
      },
    }, tables.length > 0 ? uPlot.join(tables) : [[range[1]]], box);

    box.addEventListener('keydown', event => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const left = Math.min(u.over.clientWidth - 1, Math.max(0, (u.cursor.left ?? -1) + step * (event.shiftKey ? 40 : 8)));
      u.setCursor({ left, top: 10 }, true, true); // and tells the other plot
    });
    charts.set(id, { u, fit: () => u.setSize({ width: width(), height: spec.height }) });
  }

  /** Joining needs rising times: of two points at one time the later one moves by a nanosecond or so. */
  function distinct(xs) {
    const rising = [];
    for (const x of xs) {
      const before = rising[rising.length - 1];
      rising.push(before !== undefined && x <= before ? before * (1 + 1e-12) + 1e-12 : x);
    }
    return rising;
  }

  /** Runs a painter in CSS pixels, clipped to the plotting area. */
  function onPlot(u, painter) {
    if (!painter) return;
    const pen = u.ctx;
    const ratio = uPlot.pxRatio;
    pen.save();
    pen.scale(ratio, ratio);
    const area = { left: u.bbox.left / ratio, top: u.bbox.top / ratio, width: u.bbox.width / ratio, height: u.bbox.height / ratio };
    pen.beginPath();
    pen.rect(area.left, area.top, area.width, area.height);
    pen.clip();
    painter(pen, area, (value, scale) => u.valToPos(value, scale) + (scale === 'x' ? area.left : area.top));
    pen.restore();
  }

  // A straight piece in time is bent on a logarithmic axis: it gets points in between.
  function bent(xs, ys, min) {
    const [px, py] = [[], []];
    for (let i = 0; i < xs.length; i++) {
      px.push(xs[i]);
      py.push(ys[i]);
      const [a, b] = [Math.max(xs[i], min), xs[i + 1]];
      if (b > a * 1.02 && ys[i] !== ys[i + 1]) {
        for (let k = 1; k < 12; k++) {
          const x = a * (b / a) ** (k / 12);
          px.push(x);
          py.push(ys[i] + (ys[i + 1] - ys[i]) * (x - xs[i]) / (b - xs[i]));
        }
      }
    }
    return [px, py];
  }

  function ttr() {
    const windowName = Page.state.window.replace('s', ' s');
    const range = Time.range();
    const lines = [];
    for (const s of Page.shown()) {
      for (const run of s.runs) {
        const curve = run.curves[Page.state.window];
        if (!curve || curve.length === 0) continue;
        let xs = curve.map(point => point[0]);
        let ys = curve.map(point => point[1]);
        if (Page.state.log) [xs, ys] = bent(xs, ys, range[0]);
        lines.push({ name: s.name, xs, ys, endless: true, faint: run.repetition !== s.typical });
      }
    }
    lines.sort((a, b) => Number(b.faint) - Number(a.faint)); // typical runs on top
    const without = Page.strategies().filter(s => s.runs.every(run => !run.curves[Page.state.window])).map(s => s.name);
    const several = Page.strategies().some(s => s.runs.length > 1);
    const ninety = Page.shown().map(s => s.numbers[Page.state.window + '@0.9'] && s.name + ' ' + Format.time(s.numbers[Page.state.window + '@0.9'].median / 1000)).filter(Boolean);
    chart('ttr-plot', {
      height: 400,
      lines,
      yRange: [0, 1.04],
      yTicks: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
      yShow: v => Math.round(v * 100) + ' %',
      yTitle: 'share of every ' + windowName + ' that the guest gets, guaranteed from then on',
      valueShow: Format.percent,
      before: (pen, area, place) => {
        pen.strokeStyle = Page.colour('soft');
        pen.setLineDash([1, 3]);
        pen.beginPath();
        pen.moveTo(area.left, place(0.9, 'y'));
        pen.lineTo(area.left + area.width, place(0.9, 'y'));
        pen.stroke();
      },
      after: (pen, area, place) => {
        for (const { name, xs, faint } of lines) {
          if (faint) continue;
          pen.fillStyle = Page.look(name).stroke;
          pen.beginPath();
          pen.arc(place(Math.max(xs[xs.length - 1], range[0]), 'x'), place(1, 'y'), 5, 0, 2 * Math.PI);
          pen.fill();
        }
      },
      describe: 'Time-to-responsiveness curves for windows of ' + windowName + '. 90 percent is guaranteed: ' + ninety.join(', ') + '.',
      notes: [
        'A dot marks where a line has reached 100 % and stays there. The dotted line is 90 %: where a curve crosses it is its TTR (' + windowName + ', 0.9).'
          + (several ? ' Strong lines are the run in the middle, faint ones its repetitions.' : ''),
        ...(without.length > 0 ? ['Not known for ' + without.join(', ') + '.'] : []),
      ],
    });
  }

  function heartbeat() {
    const lead = byId('heartbeat-lead');
    const beating = Page.strategies().filter(s => s.heartbeat);
    if (beating.length === 0) {
      lead.textContent = 'No heartbeat was watched in these runs.';
      charts.get('heartbeat-plot')?.u.destroy();
      charts.delete('heartbeat-plot');
      byId('heartbeat-plot').replaceChildren();
      return;
    }
    const steady = beating.map(s => s.heartbeat).find(h => h.mean !== undefined);
    const { beats } = beating[0].heartbeat;
    lead.textContent = 'A program in the guest beats while it works, and the host counts the beats. '
      + (steady ? 'The band is its steady state before the save, ' + Format.digits(steady.mean) + ' beats per second and what it usually varies by; '
        + 'a triangle shows where a strategy was back in it to stay.' : 'Its steady state before the save is not known.');
    const lines = Page.shown().filter(s => s.heartbeat)
      .map(s => ({ name: s.name, xs: s.heartbeat.seconds, ys: s.heartbeat.rates, faint: false }));
    const peak = Math.max(steady ? steady.mean * 1.35 : 1, ...lines.map(line => percentile(line.ys, 0.995) * 1.1));
    const rough = peak / 6;
    const decade = 10 ** Math.floor(Math.log10(rough));
    const step = decade * [1, 2, 5, 10].find(s => s * decade >= rough);
    const yTicks = Array.from({ length: Math.floor(peak / step) + 1 }, (_, i) => i * step);
    chart('heartbeat-plot', {
      height: 320,
      lines,
      yRange: [0, peak],
      yTicks,
      yShow: v => v.toLocaleString('en'),
      yTitle: 'beats per second, over the last ' + beats + ' beats',
      valueShow: v => Format.digits(v) + '/s',
      before: (pen, area, place) => {
        if (!steady) return;
        const top = place(2 * steady.mean - steady.low, 'y');
        pen.fillStyle = Page.colour('band');
        pen.fillRect(area.left, top, area.width, place(steady.low, 'y') - top);
      },
      after: (pen, area) => {
        const range = Time.range();
        for (const s of Page.shown()) {
          const back = s.runs.find(run => run.repetition === s.typical).backToNormalMs;
          if (back === null || !s.heartbeat) continue;
          const x = area.left + Time.place(back / 1000, range) * area.width;
          pen.fillStyle = Page.look(s.name).stroke;
          pen.beginPath();
          pen.moveTo(x - 6, area.top);
          pen.lineTo(x + 6, area.top);
          pen.lineTo(x, area.top + 11);
          pen.fill();
        }
      },
      describe: 'Heartbeats per second over time. Back to normal: ' + Page.shown().map(s => s.name + ' '
        + (s.numbers.backToNormalMs ? Format.time(s.numbers.backToNormalMs.median / 1000) : 'not seen')).join(', ') + '.',
      notes: [],
    });
  }

  function percentile(values, share) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  }

  const fit = () => { for (const each of charts.values()) each.fit(); };

  return { ttr, heartbeat, fit, drawn: () => charts.size };
})();
