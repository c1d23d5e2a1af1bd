// Draws the plots and moves the slider; reads nothing but the page's own data.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const one = id => document.getElementById(id);
  const make = (tag, text, ...children) => {
    const element = document.createElement(tag);
    element.append(...(text === "" ? [] : [text]), ...children);
    return element;
  };
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shade = index => colour(`--curve-${index % 8}`);
  const whole = value => Math.round(value).toLocaleString("en");
  const nearest = (list, iteration) => list.reduce((best, item) =>
    Math.abs(item.iteration - iteration) < Math.abs(best.iteration - iteration) ? item : best);

  // Plots -----------------------------------------------------------------------------------------------------------

  const panels = Object.entries(data.panels).flatMap(([place, list]) => list.map(panel => ({place, ...panel})));
  const iterations = panels.flatMap(panel => panel.tables.flatMap(table => [table.at[0], table.at.at(-1)]));
  const grids = [...new Set(data.runs.flatMap(run => run.grids.map(grid => grid.iteration)))].sort((a, b) => a - b);
  const first = Math.min(...iterations, ...grids.slice(0, 1)), last = Math.max(...iterations, first + 1);
  const plots = new Map();
  let range = [first, last], marked = null;

  function zoom(from, to) {
    if (!(to > from)) return;
    range = [from, to];
    for (const plot of plots.values()) plot.setScale("x", {min: from, max: to});
    one("zoom-from").value = Math.round(from);
    one("zoom-to").value = Math.round(to);
  }

  function placeMarker(plot) {
    const line = plot.over.querySelector(".marker");
    line.hidden = marked === null || marked < plot.scales.x.min || marked > plot.scales.x.max;
    if (!line.hidden) line.style.left = `${plot.valToPos(marked, "x")}px`;
    for (const since of plot.over.querySelectorAll(".since")) {
      const iteration = Number(since.dataset.iteration);
      since.hidden = iteration < plot.scales.x.min || iteration > plot.scales.x.max;
      if (!since.hidden) since.style.left = `${plot.valToPos(iteration, "x")}px`;
    }
  }

  function draw(panel, target, logarithmic) {
    const series = [{label: "iteration", value: (_, value) => value == null ? "-" : whole(value)}];
    const bands = [], tables = [], bounds = new Map();
    for (const table of panel.tables) {
      const columns = [table.at];
      for (const curve of table.curves) {
        const usable = values => logarithmic ? values.map(value => value > 0 ? value : null) : values;
        const stroke = () => shade(curve.colour);
        columns.push(usable(curve.values));
        series.push({label: curve.label, stroke, width: 1.5, dash: curve.dashed ? [7, 5] : undefined,
          points: table.at.length > 60 || curve.dashed ? {show: table.at.length === 1} : {show: true, size: 5, fill: stroke},
          value: (_, value) => value == null ? "-" : Number(value.toPrecision(4)).toString()});
        if (!curve.low) continue;
        const index = series.length;
        columns.push(usable(curve.high), usable(curve.low));
        for (const edge of ["high", "low"])
          series.push({label: edge, class: "bound", width: 0, points: {show: false}});
        bands.push({series: [index, index + 1], fill: () => shade(curve.colour) + "33"});
        bounds.set(index - 1, [index, index + 1]);
      }
      tables.push(columns);
    }
    const axis = {stroke: () => colour("--soft"), grid: {stroke: () => colour("--line"), width: 1},
      ticks: {stroke: () => colour("--line"), width: 1}};
    const plot = new uPlot({
      width: target.clientWidth || 400, height: 260, series, bands,
      scales: {x: {time: false}, y: {distr: logarithmic ? 3 : 1}},
      axes: [{...axis, size: 34, values: (_, splits) => splits.map(value => value == null || value % 1 ? "" : whole(value))},
        {...axis, size: 62}],
      cursor: {
        sync: {key: "iteration", filters: {pub: type => type === "mousemove" || type === "mouseleave"}},
        // Of several runs, one that has nothing near must not show its last value as if it were from here.
        hover: {prox: panel.tables.length > 1 ? 40 : null},
        drag: {x: true, y: false, setScale: false},
        bind: {dblclick: () => () => zoom(first, last)},
      },
      hooks: {
        setSelect: [plot => {
          const {left, width} = plot.select;
          plot.setSelect({left: 0, top: 0, width: 0, height: 0}, false);
          if (width > 3) zoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        }],
        setSeries: [(plot, index, change) => {
          if (change.show !== undefined && index !== null)
            for (const bound of bounds.get(index) ?? []) plot.setSeries(bound, {show: change.show});
        }],
        init: [plot => {
          plot.over.append(Object.assign(document.createElement("div"), {className: "marker", hidden: true}));
          for (const found of panel.findings ?? []) {
            const since = Object.assign(make("div", ""), {className: "since", title: found.says});
            since.dataset.iteration = found.since;
            plot.over.append(since);
          }
          for (const name of plot.root.querySelectorAll(".u-series:not(.bound):not(:first-child) th")) {
            name.tabIndex = 0;
            name.addEventListener("keydown", event => { if (event.key === "Enter") name.click(); });
          }
          plot.root.querySelector("canvas").setAttribute("role", "img");
          plot.root.querySelector("canvas").setAttribute("aria-label", `${panel.title} by iteration`);
        }],
        draw: [placeMarker],
      },
    }, uPlot.join(tables), target);
    plot.setScale("x", {min: range[0], max: range[1]});
    return plot;
  }

  for (const panel of panels) {
    const target = make("div", ""), heading = make("h3", "", make("span", panel.title));
    const box = make("div", "", heading, ...(panel.caption ? [make("p", panel.caption)] : []), target);
    box.className = "panel";
    if (panel.caption) box.children[1].className = "hint";
    for (const found of panel.findings ?? [])
      target.before(Object.assign(make("p", found.says), {className: `finding ${found.severity}`}));
    one(panel.place).append(box);
    const redraw = logarithmic => {
      plots.get(panel)?.destroy();
      plots.set(panel, draw(panel, target, logarithmic));
    };
    if (panel.tables.some(table => table.curves.some(curve => curve.values.some(value => value > 0)))) {
      const check = Object.assign(make("input", ""), {type: "checkbox", checked: panel.logarithmic});
      check.addEventListener("change", () => redraw(check.checked));
      heading.append(make("label", "", check, " logarithmic"));
    }
    redraw(panel.logarithmic);
    new ResizeObserver(() => plots.get(panel).setSize({width: target.clientWidth, height: 260})).observe(target);
  }
  if (plots.size) {
    const form = one("zoom");
    form.hidden = false;
    for (const panel of document.querySelectorAll(".panels:not(:empty)")) panel.previousElementSibling.hidden = false;
    form.addEventListener("change", () => zoom(Number(one("zoom-from").value), Number(one("zoom-to").value)));
    form.addEventListener("submit", event => event.preventDefault());
    form.addEventListener("reset", event => { event.preventDefault(); zoom(first, last); });
    zoom(first, last);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach(plot => plot.redraw(false)));
  }

  // Pictures --------------------------------------------------------------------------------------------------------

  function show(iteration) {
    marked = iteration;
    data.runs.forEach((run, index) => {
      for (const image of document.querySelectorAll(`img.grid[data-run="${index}"]`)) {
        const grid = nearest(run.grids, iteration);
        image.src = grid.picture;
        image.alt = `sample grid after ${whole(grid.iteration)} iterations`;
        image.closest("figure").querySelector(".when").textContent = `after ${whole(grid.iteration)} iterations`;
      }
      for (const line of document.querySelectorAll(`.evaluation[data-run="${index}"]`)) {
        line.replaceChildren();
        if (!run.evaluations.length) continue;
        const found = nearest(run.evaluations, iteration);
        line.append(make("span", `Scores after ${whole(found.iteration)} iterations:`));
        for (const {title, value, beside} of found.scores)
          line.append(make("span", `${title} `, make("b", value), beside && ` (${beside})`));
      }
    });
    one("step-shown").textContent = whole(iteration);
    one("step").setAttribute("aria-valuetext", `iteration ${whole(iteration)}`);
    for (const plot of plots.values()) placeMarker(plot);
  }

  data.runs.forEach((run, index) => {
    for (const image of document.querySelectorAll(`img.real[data-run="${index}"]`)) image.src = run.real;
  });
  if (grids.length) {
    const slider = one("step");
    one("slider").hidden = grids.length < 2;
    slider.max = grids.length - 1;
    slider.value = slider.max;
    slider.addEventListener("input", () => show(grids[slider.value]));
    show(grids.at(-1));
  }
})();
