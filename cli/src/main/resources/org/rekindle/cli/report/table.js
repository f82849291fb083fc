// Everything that is a table or a sentence.

const Tables = (() => {
  const { el, byId } = Page;

  const time = { show: Format.seconds, best: Math.min };
  const columns = [
    { group: 'back after (s)', key: 'firstInstructionMs', label: 'first instruction', ...time },
    { group: 'back after (s)', key: 'firstHeartbeatMs', label: 'first heartbeat', ...time },
    { group: 'back after (s)', key: 'backToNormalMs', label: 'back to normal', ...time },
    { group: 'time to responsiveness (s)', key: '1s@0.7', label: 'TTR (1\u00a0s,\u00a00.7)', ...time },
    { group: 'time to responsiveness (s)', key: '1s@0.9', label: 'TTR (1\u00a0s,\u00a00.9)', ...time },
    { group: 'time to responsiveness (s)', key: '0.1s@0.9', label: 'TTR (0.1\u00a0s,\u00a00.9)', ...time },
    { group: 'time to responsiveness (s)', key: 'feels', label: 'feels' },
    { group: 'what it took', key: 'demandFaults', label: 'demand faults', show: Format.count },
    { group: 'what it took', key: 'bytesRead', label: 'MB read', show: Format.megabytes },
    { group: 'what it took', key: 'pagesPrefetched', label: 'pages prefetched', show: Format.count },
    { group: 'what it took', key: 'pagesPrefetchedUsed', label: 'of them used', show: Format.count },
  ];

  /** A median with its range below, if there was more than one run. */
  function figure(number, show, runs) {
    if (!number) return [el('span', { title: 'not known, or not seen in the time watched' }, Format.dash)];
    const parts = [show(number.median)];
    // A range of less than a hundredth says nothing but takes room.
    if (number.max - number.min > 0.01 * number.median && show(number.min) !== show(number.max)) {
      parts.push(el('span', { class: 'range' }, show(number.min) + ' – ' + show(number.max)));
    }
    if (number.known < runs) {
      parts.push(el('span', { class: 'range' }, number.known + ' of ' + runs + ' runs'));
    }
    return parts;
  }

  function summary() {
    const strategies = Page.strategies();
    const groups = el('tr', { class: 'group' }, el('td'));
    for (const group of new Set(columns.map(c => c.group))) {
      groups.append(el('th', { scope: 'colgroup', colspan: columns.filter(c => c.group === group).length }, group));
    }
    const head = el('tr', {}, el('th', { scope: 'col' }, 'strategy'),
      ...columns.map(c => el('th', { scope: 'col', class: c.key === 'feels' ? 'text feels' : null }, c.label)));
    const body = strategies.map(strategy => {
      const runs = strategy.runs.length;
      const row = el('tr', {}, el('th', { scope: 'row' }, strategy.name,
        runs > 1 ? el('span', { class: 'range' }, runs + ' runs') : null));
      for (const column of columns) {
        if (column.key === 'feels') {
          row.append(el('td', { class: 'text feels', 'data-label': column.label }, strategy.feels ?? Format.dash));
          continue;
        }
        const number = strategy.numbers[column.key];
        const cell = el('td', { 'data-label': column.label + unit(column) }, ...figure(number, column.show, runs));
        if (!number) cell.classList.add('none');
        if (number && column.best && isBest(number, strategies.map(s => s.numbers[column.key]))) {
          cell.classList.add('best');
          cell.append(el('span', { class: 'unseen' }, ' (best)'));
        }
        row.append(cell);
      }
      return row;
    });
    byId('summary-table').replaceChildren(el('thead', {}, groups, head), el('tbody', {}, ...body));
  }

  const unit = column => column.show === Format.seconds ? ' (s)' : '';

  /** The lowest median, and whoever's range reaches into that one's. */
  function isBest(number, all) {
    const others = all.filter(Boolean);
    if (others.length < 2) return false;
    const best = others.reduce((a, b) => (b.median < a.median ? b : a));
    return number.min <= best.max;
  }

  function ttrNumbers() {
    const { windows, utilisations } = Page.data;
    const head = el('tr', {}, el('th', { scope: 'col' }, 'TTR (s)'), el('th', { scope: 'col' }, 'window'),
      ...utilisations.map(u => el('th', { scope: 'col' }, 'u = ' + u)));
    const rows = Page.strategies().flatMap(strategy => windows.map(w =>
      el('tr', {}, el('th', { scope: 'row' }, strategy.name), el('td', {}, w.replace('s', ' s')),
        ...utilisations.map(u =>
          el('td', {}, ...figure(strategy.numbers[w + '@' + u], Format.seconds, strategy.runs.length))))));
    byId('ttr-table').replaceChildren(el('thead', {}, head), el('tbody', {}, ...rows));
  }

  function everyRun() {
    const show = (value, format) => value === null || value === undefined ? Format.dash : format(value);
    const words = [
      ['guest', (run, s, c) => c.guest, true],
      ['storage', (run, s, c) => c.storage, true],
      ['repetition', run => run.repetition],
    ];
    const figures = [
      ['first instruction (s)', run => show(run.firstInstructionMs, Format.seconds)],
      ['first heartbeat (s)', run => show(run.firstHeartbeatMs, Format.seconds)],
      ['back to normal (s)', run => show(run.backToNormalMs, Format.seconds)],
      ['TTR (1 s, 0.9) (s)', run => show(run.ttrMs['1s@0.9'], Format.seconds)],
      ['all pages in (s)', run => show(run.allInMs, Format.seconds)],
      ['demand faults', run => show(run.demandFaults, Format.count)],
      ['late faults', run => show(run.lateFaults, Format.count)],
      ['MB read', run => show(run.bytesRead, Format.megabytes)],
      ['reads', run => show(run.reads, Format.count)],
      ['memory identical', run => show(run.memoryIdentical, same => same ? 'yes' : 'NO')],
      ['stalls known per', run => ({ PER_GUEST: 'guest', PER_VCPU: 'vCPU', PER_CLIENT: 'client' })[run.stallScope] ?? Format.dash, true],
      ['QEMU’s blocktime (s)', run => show(run.postcopyBlocktimeMs, Format.seconds)],
      ['QEMU', run => run.qemuVersion ?? Format.dash, true],
      ['fault log', run => run.faultLog ?? Format.dash, true],
      ['remark', run => run.remark ?? '', true],
    ];
    const all = [...words, ...figures];
    const head = el('tr', {}, el('th', { scope: 'col' }, 'strategy'),
      ...all.map(([label, , text]) => el('th', { scope: 'col', class: text ? 'text' : null }, label)));
    const rows = Page.data.conditions.flatMap(c => c.strategies.flatMap(s =>
      [...s.runs].sort((a, b) => a.repetition - b.repetition).map(run =>
        el('tr', {}, el('th', { scope: 'row' }, s.name),
          ...all.map(([, value, text]) => el('td', { class: text ? 'text' : null }, String(value(run, s, c))))))));
    byId('runs-table').replaceChildren(el('thead', {}, head), el('tbody', {}, ...rows));
  }

  function sentences() {
    const condition = Page.condition();
    byId('headline').textContent = condition ? condition.headline : 'These results hold no run.';
    const differs = Page.strategies().filter(s => s.runs.some(run => run.memoryIdentical === false)).map(s => s.name);
    byId('alarm').hidden = differs.length === 0;
    byId('alarm').textContent = differs.length === 0 ? ''
      : 'Guest memory was NOT identical after ' + differs.join(', ') + ': its numbers count for nothing.';
  }

  /** What was restored from where; a choice, if the results hold more than one such thing. */
  function scene() {
    const { conditions } = Page.data;
    const name = c => c.guest + ' · ' + c.storage;
    if (conditions.length > 1) {
      const select = el('select', {}, ...conditions.map((c, i) => el('option', { value: i },
        name(c) + (conditions.some((d, j) => j !== i && name(d) === name(c)) ? ', session ' + (c.session + 1) : ''))));
      select.addEventListener('change', () => Page.change({ condition: Number(select.value), hidden: new Set() }));
      byId('scene').replaceChildren(el('label', {}, 'Shown: ', select));
    } else if (conditions.length === 1) {
      const runs = conditions[0].strategies.reduce((sum, s) => sum + s.runs.length, 0);
      byId('scene').textContent = name(conditions[0]) + ' · ' + runs + (runs === 1 ? ' run' : ' runs') + ' · '
        + Page.data.environments[0].date.slice(0, 10);
    }
  }

  function environment() {
    const condition = Page.condition();
    if (!condition) return;
    const e = Page.data.environments[condition.session];
    const terms = [
      ['Machine', e.machine + ', ' + e.cores + (e.cores === 1 ? ' core' : ' cores')],
      ['Kernel', e.kernel],
      ['Storage', e.storage],
      ['Throttle', e.throttle ?? 'none'],
      ['Measured', e.date.replace('T', ' ').replace('Z', ' UTC') + ', by Rekindle ' + e.rekindleVersion],
      ['Guest', condition.guest],
      ['Storage condition', condition.storage],
    ];
    const list = el('dl', { class: 'words' }, ...terms.flatMap(([term, text]) => [el('dt', {}, term), el('dd', {}, text)]));
    byId('environment-body').replaceChildren(list, el('ul', {}, ...e.method.map(sentence => el('li', {}, sentence))));
  }

  function prefetch() {
    const rows = Page.strategies().filter(s => s.numbers.pagesPrefetched?.median > 0);
    if (rows.length === 0) {
      byId('prefetch-bars').replaceChildren(el('p', { class: 'lead' }, 'No strategy here prefetched anything.'));
      return;
    }
    const meter = (label, number, fill) => {
      const text = number ? Format.percent(number.median) : Format.dash;
      const bar = el('div', { class: 'fill' });
      bar.style.width = (number ? number.median * 100 : 0) + '%';
      bar.style.background = fill;
      return el('div', { class: 'meter', 'data-label': label },
        el('div', { class: 'track', role: 'img', 'aria-label': label + ' ' + text }, bar),
        el('span', { class: 'figure' }, text));
    };
    byId('prefetch-bars').replaceChildren(el('div', { class: 'bars' },
      el('span', { class: 'head' }), el('span', { class: 'head' }, 'coverage'), el('span', { class: 'head' }, 'precision'),
      ...rows.flatMap(s => {
        const { pagesPrefetched: brought, pagesPrefetchedUsed: used, demandFaults: missed } = s.numbers;
        const count = [brought && Format.count(brought.median) + ' pages prefetched', used && Format.count(used.median) + ' used',
          missed && Format.count(missed.median) + ' demand faults'].filter(Boolean).join(', ');
        return [
          el('div', { class: 'name' }, s.name, el('span', { class: 'count' }, count)),
          meter('coverage', s.numbers.coverage, Page.look(s.name).stroke),
          meter('precision', s.numbers.precision, Page.look(s.name).stroke)];
      })));
  }

  return { summary, ttrNumbers, everyRun, sentences, scene, environment, prefetch };
})();
