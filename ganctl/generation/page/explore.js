// A generator of pictures from noise: a sheet of samples, and one picture to work on.
//
// A point is what a picture is drawn from: {vectors: one Float32Array for each latent input, classes: [[number, share]]}.
// The shares of classes add up to 1; there are two of them only in the middle of a walk.
import {button, choice, copy, fromLink, make, row, said, slider, toLink} from "./controls.js";
import {latentVector} from "./noise.js";
import {asImage, enlarge, savePng, wholeFactor} from "./pixels.js";
import {newest} from "./runtime.js";
import {along, asText, fromText, lerp, movedTo, slerp} from "./vectors.js";

const GAP = 8;  // between two cells of the sheet, with their borders
const MOST_BUTTONS = 24;
const WALK_SECONDS = 4;
const NEIGHBOURS = 8;
// What `ganctl sample` takes: of `--seed`, and of `--num`.
const MOST_SEED = 2 ** 31 - 1;
const MOST_DRAWN = 10_000_000;

export async function explore(network, main) {
  const {facts} = network, [height, width] = facts.image;
  const latents = facts.inputs.filter(input => input.name !== "classes")
    .map((input, number) => ({...input, number, width: input.shape.reduce((a, b) => a * b, 1)}));
  const classInput = facts.inputs.find(input => input.name === "classes");
  const normal = facts.distribution === "normal", names = classInput ? facts.classes : [];
  const title = number => facts.categories ? `${number + 1}` : names[number];
  const spoken = point => !classInput ? "" : `, ${facts.categories ? "category " : ""}${title(strongest(point))}`;
  const between = normal ? slerp : lerp, bound = normal ? 3 : 1;

  // Drawing ---------------------------------------------------------------------------------------------------------

  /** The images of points, as one batch. */
  function draw(points) {
    const inputs = {};
    for (const latent of latents) {
      const data = new Float32Array(points.length * latent.width);
      points.forEach((point, row) => data.set(point.vectors[latent.number], row * latent.width));
      inputs[latent.name] = {data, shape: [points.length, ...latent.shape]};
    }
    if (classInput?.whole) {
      const data = Int32Array.from(points, point => strongest(point));
      inputs.classes = {data, shape: [points.length, 1]};
    } else if (classInput) {
      const data = new Float32Array(points.length * names.length);
      points.forEach((point, row) => {
        for (const [number, share] of point.classes) data[row * names.length + number] += share;
      });
      inputs.classes = {data, shape: [points.length, names.length]};
    }
    return network.run(inputs);
  }

  const strongest = point => point.classes.reduce((best, each) => each[1] > best[1] ? each : best)[0];
  const canvas = (properties = {}) => {
    const made = make("canvas", {width, height, ...properties});
    made.classList.toggle("clear", facts.alpha);
    return made;
  };
  const put = (target, drawn, number) => target.getContext("2d").putImageData(asImage(drawn, number, facts.alpha), 0, 0);

  /** The point of sample `index` of the sheet's seed, as `ganctl sample` has it. */
  function sample(index, kind = view.class) {
    const {seed, truncation} = view, {distribution} = facts;
    const vectors = latents.map(({number, width}) =>
      latentVector(seed, index, {input: number, width, distribution, truncation}));
    return {vectors, classes: classInput ? [[kind ?? index % names.length, 1]] : [], sample: index};
  }

  function middle(a, b, share) {
    const classes = [...a.classes.map(([number, own]) => [number, own * (1 - share)]),
      ...b.classes.map(([number, own]) => [number, own * share])];
    return {vectors: a.vectors.map((vector, index) => between(vector, b.vectors[index], share)), classes};
  }

  // The sheet -------------------------------------------------------------------------------------------------------

  const base = Math.max(width, height) <= 32 ? 64 : Math.max(width, height) <= 64 ? 36 : Math.max(width, height) <= 128 ? 16 : 9;
  const inRows = names.length > 1 && names.length <= Math.min(base, 12);
  const count = inRows ? names.length * Math.max(1, Math.round(base / names.length)) : base;
  const view = {seed: 0, from: 0, class: null, truncation: null};
  const sheet = make("div", {className: "grid", id: "sheet"});
  const cells = Array.from({length: count}, (_, index) => {
    const cell = button("", () => clicked(index), {className: "cell"});
    cell.append(canvas());
    cell.addEventListener("keydown", event => {
      const columns = Number(sheet.dataset.columns);
      const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[event.key];
      if (step === undefined) return;
      event.preventDefault();
      cells[index + step]?.focus();
    });
    sheet.append(cell);
    return cell;
  });

  let sheetNumber = 0;
  async function drawSheet() {
    const number = ++sheetNumber;
    sheet.removeAttribute("data-drawn");
    for (let start = 0, chunk = 1; start < count;) {
      const points = cells.slice(start, start + chunk).map((_, index) => sample(view.from + start + index));
      const began = performance.now(), drawn = await draw(points), each = (performance.now() - began) / points.length;
      if (number !== sheetNumber) return;  // another sheet was asked for meanwhile
      points.forEach((point, index) => {
        const cell = cells[start + index], own = view.from + start + index;
        put(cell.firstChild, drawn, index);
        cell.setAttribute("aria-label", `Sample ${own}${spoken(point)}`);
        cell.title = cell.getAttribute("aria-label");
      });
      start += points.length;
      chunk = Math.min(32, Math.max(1, Math.floor(80 / each)));  // the page answers in between
      await new Promise(requestAnimationFrame);
    }
    sheet.dataset.drawn = view.seed;
    markCell();
  }

  function markCell() {
    cells.forEach((cell, index) => cell.setAttribute("aria-current", current.sample === view.from + index));
  }

  const seed = make("input", {type: "number", id: "seed", min: 0, max: MOST_SEED, step: 1, value: 0});
  const newSheet = changes => {
    Object.assign(view, changes);
    seed.value = view.seed;
    earlier.disabled = view.from === 0;
    if (current.sample !== undefined) current = {...current, sample: undefined};  // it is no longer on the sheet
    link();
    return drawSheet();
  };
  seed.addEventListener("change", () => {
    if (seed.value !== "" && seed.checkValidity()) newSheet({seed: seed.valueAsNumber, from: 0});
    else seed.value = view.seed;
  });
  const another = button("Other pictures", () => newSheet({seed: Math.floor(Math.random() * 1e6), from: 0}), {id: "another"});
  const earlier = button("‹ Earlier", () => newSheet({from: Math.max(0, view.from - count)}), {id: "earlier"});
  const more = button("More ›", () => newSheet({from: view.from + count}), {id: "more"});
  const sheetControls = [row(make("label", {}, "Seed ", seed), another, earlier, more)];
  let sheetClass = null;
  if (names.length) {
    sheetClass = classChoice(facts.categories ? "Show category" : "Show", [["All", null]], kind => newSheet({class: kind}));
    sheetControls.push(sheetClass.element);
  }
  const truncated = make("input", {type: "checkbox", id: "truncated"});
  const truncation = slider("Truncation", {min: 0.1, max: 2.5, step: 0.05, value: 1,
    moved: value => { if (truncated.checked) { view.truncation = value; redrawSheet(); } },
    settled: () => link()});
  const redrawSheet = newest(() => newSheet({}));
  truncated.addEventListener("change", () => {
    newSheet({truncation: truncated.checked ? truncation.element.querySelector("input").valueAsNumber : null});
  });
  truncation.element.id = "truncation";
  if (normal) {
    sheetControls.push(row(make("label", {title: "The truncation trick: less variety, and often cleaner pictures"},
      truncated, "Only typical pictures"), truncation.element));
  }

  function classChoice(label, further, choose) {
    const options = [...further, ...names.map((_, number) => [title(number), number])];
    if (options.length <= MOST_BUTTONS) return choice(label, options, options[0][1], choose);
    const list = make("select", {}, ...options.map(([text], index) => make("option", {value: index}, text)));
    list.addEventListener("change", () => choose(options[list.value][1]));
    const show = chosen => { list.value = options.findIndex(([, own]) => own === chosen); };
    return {element: make("label", {className: "row"}, label, list), show};
  }

  // The picture -----------------------------------------------------------------------------------------------------

  const big = canvas({id: "big"});
  big.setAttribute("role", "img");
  let current = sample(0), seen = [current], place = 0;

  const redraw = newest(async () => {
    const point = current;
    put(big, await draw([point]), 0);
    big.setAttribute("aria-label", `The picture that you work on${spoken(point)}`);
    big.dataset.drawn = Number(big.dataset.drawn ?? 0) + 1;
  });

  /** Shows a point; `remember` puts it among those that one can go back to. */
  function show(point, {remember = true, sliders = true} = {}) {
    current = point;
    if (remember) {
      seen = [...seen.slice(0, place + 1), point];
      place = seen.length - 1;
    }
    if (sliders) showSliders();
    if (remember) settled();
    return redraw();
  }

  /** After a change is complete. */
  function settled() {
    back.disabled = place === 0;
    forward.disabled = place === seen.length - 1;
    markCell();
    link();
    drawNeighbours();
  }

  function remembered() {
    if (seen[place] !== current) show(current, {sliders: false});
  }

  function to(number) {
    stop();
    place = number;
    show(seen[place], {remember: false});
    settled();
  }

  const back = button("‹ Back", () => to(place - 1), {id: "back", disabled: true});
  const forward = button("Forward ›", () => to(place + 1), {id: "forward", disabled: true});
  const save = button("Save PNG", () => savePng(big, `${facts.title}.png`), {id: "save"});
  const copyLatent = button("Copy numbers", event => copy(numbers(), event.currentTarget), {id: "copy"});
  const copyLink = button("Copy link", event => { link(); copy(location.href, event.currentTarget); }, {id: "link"});

  const numbers = () => JSON.stringify({
    ...Object.fromEntries(latents.map(({name, number}) => [name, Array.from(current.vectors[number])])),
    ...(classInput ? {classes: strongest(current)} : {}),
  });

  function clicked(index) {
    const point = sample(view.from + index);
    if (picking) return walkTo(point);
    stop();
    show(point);
    if (matchMedia("(max-width: 60rem)").matches) big.scrollIntoView({behavior: "smooth", block: "center"});
  }

  // Sliders ---------------------------------------------------------------------------------------------------------

  const changed = (vectors, sliders = false) => {
    stop();
    show({vectors, classes: current.classes}, {remember: false, sliders});
  };
  const withVector = (number, vector) => current.vectors.map((own, index) => index === number ? vector : own);

  const directions = facts.directions.map((direction, index) => slider(`${index + 1}`, {
    min: -4, max: 4, value: 0, settled: remembered,
    moved: value => { changed(withVector(0, movedTo(current.vectors[0], direction, value))); showEntries(); },
  }));
  const single = (latent, index, label) => slider(label, {
    min: -bound, max: bound, value: 0, settled: remembered,
    moved: value => {
      const vector = Float32Array.from(current.vectors[latent.number]);
      vector[index] = value;
      changed(withVector(latent.number, vector));
      showDirections();
    },
  });
  const codes = latents.filter(latent => latent.code);
  const codeSliders = codes.flatMap(latent => Array.from({length: latent.width}, (_, index) =>
    ({latent, index, slider: single(latent, index, `${index + 1}`)})));
  let entrySliders = [];
  const entries = make("details", {id: "entries"});
  const plain = latents.filter(latent => !latent.code);
  const total = plain.reduce((sum, latent) => sum + latent.width, 0);
  entries.append(make("summary", {}, `All ${total} numbers that this picture is made from`));
  entries.addEventListener("toggle", () => {  // hundreds of sliders, which few people open
    if (!entries.open || entrySliders.length) return;
    entrySliders = plain.flatMap(latent => Array.from({length: latent.width}, (_, index) =>
      ({latent, index, slider: single(latent, index, `${index + 1}`)})));
    entries.append(make("div", {className: "sliders"}, ...entrySliders.map(({slider}) => slider.element)));
    showEntries();
  });

  const showDirections = () => directions.forEach((each, index) =>
    each.show(along(current.vectors[0], facts.directions[index])));
  const showEntries = () => [...entrySliders, ...codeSliders].forEach(({latent, index, slider}) =>
    slider.show(current.vectors[latent.number][index]));
  function showSliders() {
    showDirections();
    showEntries();
    pictureClass?.show(strongest(current));
  }

  let pictureClass = null;
  if (names.length) pictureClass = classChoice(facts.categories ? "Category" : "Class", [], kind => {
    stop();
    show({vectors: current.vectors, classes: [[kind, 1]]});
  });

  // Neighbours ------------------------------------------------------------------------------------------------------

  let around = [], distance = 0.25, round = 0;
  const neighbourCells = Array.from({length: NEIGHBOURS}, (_, index) => {
    const cell = button("", () => { stop(); show(around[index]); }, {className: "cell"});
    cell.setAttribute("aria-label", `Neighbour ${index + 1}`);
    cell.append(canvas());
    return cell;
  });
  const neighbours = make("div", {className: "grid", id: "neighbours"}, ...neighbourCells);
  const drawNeighbours = newest(async () => {
    if (playing) return;
    const here = current;
    around = neighbourCells.map((_, index) => {
      const {distribution} = facts, far = latents.map(({number, width}) =>
        latentVector(1_000_003 + round, index, {input: number, width, distribution}));
      return {vectors: here.vectors.map((vector, number) => between(vector, far[number], distance)), classes: here.classes};
    });
    for (const [index, point] of around.entries()) {  // one by one: a slider may be waiting
      const drawn = await draw([point]);
      if (here !== current) return;
      put(neighbourCells[index].firstChild, drawn, 0);
    }
    neighbours.dataset.drawn = Number(neighbours.dataset.drawn ?? 0) + 1;
  });
  const nearness = slider("Near", {min: 0.05, max: 0.8, value: distance, words: () => "far",
    moved: value => { distance = value; drawNeighbours(); }});
  const others = button("Other neighbours", () => { round += 1; drawNeighbours(); }, {id: "others"});

  // Walks -----------------------------------------------------------------------------------------------------------

  let walk = null, picking = false, playing = false;
  const startCell = canvas(), endCell = canvas();
  const step = slider("", {min: 0, max: 1, value: 0, settled: remembered, words: x => `${Math.round(100 * x)}%`,
    moved: share => { pause(); walkAt(share); }});
  step.element.id = "step";
  step.element.firstChild.remove();
  step.element.querySelector("input").setAttribute("aria-label", "Place on the walk");
  const play = button("Play", () => playing ? pause() : start(), {id: "play"});
  const walkRow = make("div", {className: "walk", hidden: true}, startCell, step.element, endCell);
  const walkHint = make("p", {className: "hint", hidden: true}, "Now choose a sample to walk to.");
  const pick = button("Walk to another sample", () => setPicking(!picking), {id: "walk"});
  play.hidden = true;

  function setPicking(on) {
    picking = on;
    main.classList.toggle("picking", on);
    walkHint.hidden = !on;
    pick.setAttribute("aria-pressed", on);
    if (on) sheet.scrollIntoView({behavior: "smooth", block: "nearest"});
  }

  async function walkTo(point) {
    pause();
    setPicking(false);
    walk = {from: current, to: point};
    walkRow.hidden = play.hidden = false;
    const drawn = await draw([walk.from, walk.to]);
    put(startCell, drawn, 0);
    put(endCell, drawn, 1);
    layOut();
    start();
  }

  function walkAt(share) {
    step.show(share);
    const point = share === 0 ? walk.from : share === 1 ? walk.to : middle(walk.from, walk.to, share);
    return show(point, {remember: false});
  }

  async function start() {
    if (playing || !walk) return;
    const run = {};
    playing = run;
    play.firstChild.data = "Pause";
    const began = performance.now() - step.element.querySelector("input").valueAsNumber * 1000 * WALK_SECONDS;
    while (playing === run) {
      const turns = (performance.now() - began) / 1000 / WALK_SECONDS % 2;  // there and back again
      await Promise.all([walkAt(turns > 1 ? 2 - turns : turns), new Promise(requestAnimationFrame)]);
    }
  }

  /** Stays where the walk is. */
  function pause() {
    if (!playing) return;
    playing = false;
    play.firstChild.data = "Play";
    remembered();
  }

  /** Leaves the walk. */
  function stop() {
    pause();
    setPicking(false);
    walk = null;
    walkRow.hidden = play.hidden = true;
    step.show(0);
  }

  // The link --------------------------------------------------------------------------------------------------------

  function link() {
    const onSheet = current.sample !== undefined;
    toLink({
      seed: view.seed, from: view.from || null, class: view.class, truncation: view.truncation,
      n: onSheet ? current.sample : null,
      z: onSheet ? null : asText(current.vectors.flatMap(vector => [...vector])),
      c: onSheet || !classInput ? null : strongest(current),
    });
  }

  function follow() {
    const found = fromLink(), whole = (text, most) => /^\d{1,15}$/.test(text ?? "") && Number(text) <= most
      ? Number(text) : null;
    const kind = text => whole(text, names.length - 1);
    const bounded = Number(found.truncation);
    Object.assign(view, {seed: whole(found.seed, MOST_SEED) ?? 0, from: whole(found.from, MOST_DRAWN - 1) ?? 0,
      class: kind(found.class), truncation: normal && bounded > 0 && Number.isFinite(bounded) ? bounded : null});
    seed.value = view.seed;
    earlier.disabled = view.from === 0;
    sheetClass?.show(view.class);
    truncated.checked = view.truncation !== null;
    if (view.truncation !== null) truncation.show(view.truncation);
    let point = sample(whole(found.n, MOST_DRAWN - 1) ?? view.from);
    const vector = found.z === undefined ? null : fromText(found.z, latents.reduce((sum, {width}) => sum + width, 0));
    if (vector) {
      let at = 0;
      const vectors = latents.map(({width}) => vector.slice(at, at += width));
      point = {vectors, classes: classInput ? [[kind(found.c) ?? 0, 1]] : []};
    }
    seen = [];
    place = -1;
    stop();
    return Promise.all([show(point), drawSheet()]);
  }
  addEventListener("hashchange", follow);  // a link pasted into the address; not what `toLink` writes

  // The page --------------------------------------------------------------------------------------------------------

  function layOut() {
    const [left, right, below] = [...main.children].map(section => section.clientWidth);
    const wanted = inRows && view.class === null ? names.length : Math.round(Math.sqrt(count));
    const factor = Math.min(4, wholeFactor(width, (left + GAP / 2) / wanted - GAP));
    const columns = Math.max(1, Math.min(wanted, Math.floor(left / (width * factor + GAP))));
    sheet.dataset.columns = columns;
    sheet.style.gridTemplateColumns = `repeat(${columns}, auto)`;
    for (const cell of cells) enlarge(cell.firstChild, factor);
    enlarge(big, wholeFactor(width, Math.min(right - 2, 400)));
    // All neighbours side by side, or else in two rows.
    const inOneRow = NEIGHBOURS * (2 * width + GAP) <= below + GAP / 2, across = inOneRow ? NEIGHBOURS : NEIGHBOURS / 2;
    const small = Math.min(4, wholeFactor(width, (below + GAP / 2) / across - GAP));
    const fitting = Math.max(1, Math.floor((below + GAP / 2) / (width * small + GAP)));
    neighbours.style.gridTemplateColumns = `repeat(${Math.min(across, fitting)}, auto)`;
    for (const cell of neighbourCells) enlarge(cell.firstChild, small);
    for (const cell of [startCell, endCell]) enlarge(cell, wholeFactor(width, 64));
  }

  main.append(
    make("section", {}, make("h2", {}, "Samples"), ...sheetControls, sheet,
      make("p", {className: "hint"}, ...(facts.sameSeeds
        ? ["The pictures of a seed are those of ", make("code", {}, "ganctl sample --seed"), "."]
        : ["In ", make("code", {}, "ganctl sample"), ", this network draws its own noise: a seed gives other pictures there."]))),
    make("section", {id: "picture"}, make("h2", {}, "Your picture"), big,
      row(back, forward, save, copyLatent, copyLink),
      ...(pictureClass ? [pictureClass.element] : []),
      ...(codeSliders.length ? [make("h3", {}, "Codes"),
        make("p", {className: "hint"}, "What the network found out by itself: each slider changes one property."),
        make("div", {className: "sliders", id: "codes"}, ...codeSliders.map(({slider}) => slider.element))] : []),
      ...(directions.length ? [make("h3", {}, "Main directions"),
        make("p", {className: "hint"}, "Each slider changes what the network reacts to most. Nobody told it what they mean."),
        make("div", {className: "sliders", id: "directions"}, ...directions.map(each => each.element))] : []),
      entries),
    make("section", {}, make("h2", {}, "Neighbours"), neighbours, row(nearness.element, others),
      make("h2", {}, "Walk"), row(pick, play), walkHint, walkRow),
  );
  new ResizeObserver(layOut).observe(main);
  layOut();
  await follow();
}
