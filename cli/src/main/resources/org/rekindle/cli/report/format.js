'use strict';
// Numbers as people read them. Everything here returns text; null stays a dash.

const Format = (() => {
  const dash = '–';

  /** Three digits that count, at most three of them behind the point: 0.042, 3.14, 41.2, 123. */
  function digits(value) {
    const size = Math.abs(value);
    const places = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    return value.toLocaleString('en', { minimumFractionDigits: places, maximumFractionDigits: places });
  }

  const count = value => Math.round(value).toLocaleString('en');
  const seconds = ms => digits(ms / 1000);
  const megabytes = bytes => digits(bytes / 1e6);
  const percent = share =>
    (share * 100).toLocaleString('en', { maximumFractionDigits: share > 0.995 && share < 1 ? 2 : 1 }) + ' %';

  /** A time with its unit: 420 ms, 3.14 s. */
  const time = s => s < 1 ? digits(s * 1000) + ' ms' : digits(s) + ' s';

  /** Bytes of memory, in powers of two: 512 MiB, 1 GiB. */
  function memory(bytes) {
    const mebibytes = bytes / 1048576;
    return mebibytes >= 1000
      ? (mebibytes / 1024).toLocaleString('en', { maximumFractionDigits: 2 }) + ' GiB'
      : Math.round(mebibytes).toLocaleString('en') + ' MiB';
  }

  return { dash, digits, count, seconds, megabytes, percent, time, memory };
})();
