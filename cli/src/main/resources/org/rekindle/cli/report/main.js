// Puts it all on the page.

(() => {
  const { byId, draw } = Page;

  const theme = byId('theme');
  const asked = location.hash.slice(1);
  if (asked === 'dark' || asked === 'light') {
    theme.value = asked;
    Page.theme(asked);
  }
  theme.addEventListener('change', () => Page.theme(theme.value));

  Page.state.log = Time.needsLog();
  Page.choice(byId('window-switch'), 'window', Page.data.windows.map(w => [w, w.replace('s', ' s')]), Page.state.window,
    window => Page.change({ window }));
  Page.choice(byId('time-switch'), 'time', [['linear', 'linear'], ['log', 'logarithmic']], Page.state.log ? 'log' : 'linear',
    scale => Page.change({ log: scale === 'log' }));

  Tables.scene();
  Tables.everyRun();
  draw(Tables.sentences);
  draw(Tables.summary);
  draw(Plots.ttr);
  draw(Tables.ttrNumbers);
  draw(Plots.heartbeat);
  draw(FaultMaps.draw);
  draw(Tables.prefetch);
  draw(Tables.environment);

  let width = document.body.clientWidth;
  new ResizeObserver(() => {
    if (document.body.clientWidth === width) return;
    width = document.body.clientWidth;
    Plots.fit();
    FaultMaps.fit();
  }).observe(document.body);

  // Colours change with the system's theme, and for paper.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => Page.change({}));
  addEventListener('beforeprint', () => {
    document.documentElement.dataset.theme = 'light';
    Page.change({});
  });
  addEventListener('afterprint', () => Page.theme(theme.value));

  // Says to whoever looks from outside that everything was drawn.
  document.documentElement.dataset.plots = Plots.drawn();
  document.documentElement.dataset.maps = FaultMaps.drawn();
})();
