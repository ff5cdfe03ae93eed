// Reads a chart's values under the pointer back from its paths; the page is complete without it.
for (const figure of document.querySelectorAll('.chart')) {
  const element = (tag, className, parent) => parent.appendChild(Object.assign(document.createElement(tag), { className }));
  const panels = [...figure.querySelectorAll('.plot')].map(plot => {
    const svg = plot.querySelector('.frame'), d = svg.dataset;
    const lines = [...svg.querySelectorAll('path[data-label]:not(.thin)')].map(path => ({
      label: path.dataset.label,
      points: path.getAttribute('d').slice(1).split(/[LM]/).map(pair => pair.split(' ').map(Number)),
    }));
    lines.unshift(...lines.splice(-1));
    // The outline of a stacked area runs along its top and back along its bottom.
    const stack = [...svg.querySelectorAll('path.stack[data-label]')].map(path => {
      const outline = path.getAttribute('d').slice(1, -1).split('L').map(pair => pair.split(' ').map(Number));
      return { label: path.dataset.label, points: outline.slice(0, outline.length / 2).map(([x, top], i) => [x, outline[outline.length - 1 - i][1] - top]) };
    }).reverse();
    const [y0, y1] = [d.y0, d.y1].map(Number);
    const text = share => {
      const y = y0 + share * (y1 - y0);
      return d.y === 'percent' ? (100 * y).toFixed(1) + ' %'
        : (d.y === 'log' ? 10 ** y : y).toLocaleString('en', { maximumSignificantDigits: 4 });
    };
    const height = units => d.y === 'percent' ? (units / 100 * (y1 - y0)).toFixed(1) + ' %'
      : (units / 10000 * (y1 - y0)).toLocaleString('en', { maximumSignificantDigits: 3 });
    return { plot, svg, lines, stack, height, text, axis: plot.previousElementSibling.textContent, cursor: element('div', 'cursor', plot) };
  });
  const tip = element('div', 'tip', figure), hide = hidden => [tip, ...panels.map(p => p.cursor)].forEach(e => { e.hidden = hidden; });
  hide(true);
  const nearest = (points, at) => {
    let low = 0, high = points.length - 1;
    while (low < high) { const mid = (low + high) >> 1; if (points[mid][0] < at) low = mid + 1; else high = mid; }
    return low > 0 && at - points[low - 1][0] < points[low][0] - at ? points[low - 1] : points[low];
  };
  const show = ({ plot, svg }, pointer) => {
    const d = svg.dataset, [x0, x1] = [d.x0, d.x1].map(Number);
    const box = svg.getBoundingClientRect(), outer = plot.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (pointer - box.left) / box.width)), at = share * 10000, x = x0 + share * (x1 - x0);
    tip.replaceChildren();
    const stamps = d.stamps?.split(' '), time = stamps ? Number(stamps[Math.round(share * (stamps.length - 1))]) : x;
    element('b', '', tip).textContent = stamps || d.x === 'time' ? new Date(time).toISOString().slice(0, 16).replace('T', ' ') + ' UTC'
      : Math.round(x).toLocaleString('en') + ' steps';
    for (const panel of panels) {
      if (panels.length > 1) element('em', '', tip).textContent = panel.axis;
      for (const line of panel.lines) {
        const row = element('span', '', tip), value = panel.text(1 - nearest(line.points, at)[1] / 10000);
        for (const text of [line.label, value]) element('i', '', row).textContent = text;
      }
      for (const { label, points } of panel.stack) {
        const row = element('span', '', tip), value = panel.height(nearest(points, at)[1]);
        for (const text of [label, value]) element('i', '', row).textContent = text;
      }
      panel.cursor.style.left = box.left - outer.left + share * box.width + 'px';
    }
    plot.append(tip);
    hide(false);
    const left = box.left - outer.left + share * box.width;
    tip.style.left = Math.max(0, Math.min(outer.width - tip.offsetWidth, share < .5 ? left + 12 : left - tip.offsetWidth - 12)) + 'px';
  };
  for (const panel of panels) {
    panel.plot.addEventListener('pointermove', event => show(panel, event.clientX));
    panel.plot.addEventListener('pointerleave', () => hide(true));
  }
}
