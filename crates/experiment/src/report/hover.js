// Reads a chart's values under the pointer back from its paths; the page is complete without it.
for (const plot of document.querySelectorAll('.plot')) {
  const svg = plot.querySelector('.frame'), d = svg.dataset;
  const [x0, x1, y0, y1] = [d.x0, d.x1, d.y0, d.y1].map(Number);
  const lines = [...svg.querySelectorAll('path[data-label]')].map(path => ({
    label: path.dataset.label,
    points: path.getAttribute('d').slice(1).split('L').map(pair => pair.split(' ').map(Number)),
  }));
  lines.unshift(...lines.splice(-1));
  const cursor = document.createElement('div'), tip = document.createElement('div');
  cursor.className = 'cursor'; tip.className = 'tip'; cursor.hidden = tip.hidden = true;
  plot.append(cursor, tip);
  const xText = x => d.x === 'time' ? new Date(x).toISOString().slice(0, 16).replace('T', ' ') + ' UTC'
    : Math.round(x).toLocaleString('en') + ' steps';
  const yText = y => d.y === 'percent' ? (100 * y).toFixed(1) + ' %'
    : (d.y === 'log' ? 10 ** y : y).toLocaleString('en', { maximumSignificantDigits: 4 });
  const nearest = (points, at) => {
    let low = 0, high = points.length - 1;
    while (low < high) { const mid = (low + high) >> 1; if (points[mid][0] < at) low = mid + 1; else high = mid; }
    return low > 0 && at - points[low - 1][0] < points[low][0] - at ? points[low - 1] : points[low];
  };
  const row = (tag, ...texts) => {
    const element = document.createElement(tag);
    for (const text of texts) element.append(Object.assign(document.createElement('i'), { textContent: text, style: 'font-style:normal' }));
    return element;
  };
  plot.addEventListener('pointermove', event => {
    const box = svg.getBoundingClientRect(), outer = plot.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)), at = share * 10000;
    tip.replaceChildren(row('b', xText(x0 + share * (x1 - x0))), ...lines.map(line =>
      row('span', line.label, yText(y0 + (1 - nearest(line.points, at)[1] / 10000) * (y1 - y0)))));
    cursor.hidden = tip.hidden = false;
    const left = box.left - outer.left + share * box.width;
    cursor.style.left = left + 'px';
    tip.style.left = Math.max(0, Math.min(outer.width - tip.offsetWidth, share < .5 ? left + 12 : left - tip.offsetWidth - 12)) + 'px';
  });
  plot.addEventListener('pointerleave', () => { cursor.hidden = tip.hidden = true; });
}
