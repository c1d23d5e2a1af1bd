// Networks that make pictures from pictures: draw or choose one, and see at once what becomes of it.
import {button, choice, copy, fromLink, make, row, said, slider, toLink} from "./controls.js";
import {asImage, asInput, enlarge, savePng, wholeFactor} from "./pixels.js";
import {newest} from "./runtime.js";

const LONGEST_LINK = 100_000;  // characters; the programs that links are sent with cut longer ones off
const MOST_UNDONE = 50;

export async function translate(networks, main) {
  let network = networks[0], brush = 1, drawing = false, past = [], future = [];
  const [paper, result] = ["paper", "result"].map(id => make("canvas", {id}));
  paper.setAttribute("role", "img");
  paper.setAttribute("aria-label", "The picture that goes in");
  result.setAttribute("role", "img");
  result.setAttribute("aria-label", "What the network makes of it");
  const pen = paper.getContext("2d", {willReadFrequently: true});
  const words = name => name.replaceAll("_", " ").replace(/\bto\b/, "→");

  const redraw = newest(async () => {
    const {facts} = network, [, , channels] = facts.inputs[0].shape, alpha = facts.alpha && channels % 2 === 0;
    const drawn = await network.run({image: asInput(pen.getImageData(0, 0, paper.width, paper.height), channels, alpha)});
    [, result.height, result.width] = drawn.shape;
    result.getContext("2d").putImageData(asImage(drawn, 0, facts.alpha), 0, 0);
    result.dataset.drawn = Number(result.dataset.drawn ?? 0) + 1;
    layOut();
  });

  // What was drawn before -------------------------------------------------------------------------------------------

  const whole = () => pen.getImageData(0, 0, paper.width, paper.height);
  function remember() {
    past = [...past, whole()].slice(-MOST_UNDONE);
    future = [];
    showSteps();
  }
  function step(from, to) {
    to.push(whole());
    pen.putImageData(from.pop(), 0, 0);
    showSteps();
    redraw();
  }
  function showSteps() {
    undo.disabled = !past.length;
    redo.disabled = !future.length;
  }
  const undo = button("‹ Undo", () => step(past, future), {id: "undo", disabled: true});
  const redo = button("Redo ›", () => step(future, past), {id: "redo", disabled: true});

  // Drawing ---------------------------------------------------------------------------------------------------------

  const colour = make("input", {type: "color", id: "colour", value: "#000000"});
  let last = null;

  /** Squares along a line: canvas' own lines are blurred at their edges, which no pixel of a small picture can spare. */
  function line(fromX, fromY, toX, toY) {
    const steps = Math.max(1, Math.ceil(Math.hypot(toX - fromX, toY - fromY) * 2)), half = (brush - 1) / 2;
    pen.fillStyle = colour.value;
    for (let at = 0; at <= steps; at++) {
      const x = fromX + (toX - fromX) * at / steps, y = fromY + (toY - fromY) * at / steps;
      pen.fillRect(Math.round(Math.floor(x) - half), Math.round(Math.floor(y) - half), brush, brush);
    }
  }

  function place(event) {
    const {left, top, width, height} = paper.getBoundingClientRect();
    return [(event.clientX - left) / width * paper.width, (event.clientY - top) / height * paper.height];
  }

  paper.addEventListener("pointerdown", event => {
    if (event.button) return;
    paper.setPointerCapture(event.pointerId);
    remember();
    drawing = true;
    last = place(event);
    line(...last, ...last);
    redraw();
  });
  paper.addEventListener("pointermove", event => {
    if (!drawing) return;
    const here = place(event);
    line(...last, ...here);
    last = here;
    redraw();
  });
  for (const end of ["pointerup", "pointercancel"]) paper.addEventListener(end, () => { drawing = false; });

  function fill(with_) {
    pen.fillStyle = with_;
    pen.fillRect(0, 0, paper.width, paper.height);
  }

  /** A shirt, so that there is something to see at first. */
  function scribble() {
    fill("#ffffff");
    const outline = [[.35, .15], [.15, .25], [.05, .45], [.2, .5], [.25, .42], [.25, .88], [.75, .88], [.75, .42], [.8, .5],
      [.95, .45], [.85, .25], [.65, .15], [.55, .22], [.45, .22], [.35, .15]];
    outline.slice(1).forEach(([x, y], index) => {
      const [fromX, fromY] = outline[index];
      line(fromX * paper.width, fromY * paper.height, x * paper.width, y * paper.height);
    });
  }

  // Pictures from outside -------------------------------------------------------------------------------------------

  /** Puts a picture on the paper, as large as covers it; the middle is shown. */
  function putOn(picture) {
    if (!network.facts.alpha) fill("#ffffff");  // behind transparency
    else pen.clearRect(0, 0, paper.width, paper.height);
    const scale = Math.max(paper.width / picture.width, paper.height / picture.height);
    const width = picture.width * scale, height = picture.height * scale;
    pen.imageSmoothingQuality = "high";
    pen.imageSmoothingEnabled = scale !== 1;
    pen.drawImage(picture, (paper.width - width) / 2, (paper.height - height) / 2, width, height);
  }

  async function choose(file) {
    try {
      const picture = await createImageBitmap(file, {colorSpaceConversion: "none"});
      remember();
      putOn(picture);
      problem.hidden = true;
      await redraw();
    } catch {
      problem.textContent = `${file.name ?? "This"} is not a picture that this browser can read.`;
      problem.hidden = false;
    }
  }

  const problem = make("p", {className: "warning", id: "problem", hidden: true});
  const file = make("input", {type: "file", accept: "image/*", id: "file"});
  file.addEventListener("change", () => { if (file.files.length) choose(file.files[0]); });
  addEventListener("dragover", event => { event.preventDefault(); main.classList.add("over"); });
  addEventListener("dragleave", () => main.classList.remove("over"));
  addEventListener("drop", event => {
    event.preventDefault();  // or the browser opens the picture in place of the page
    main.classList.remove("over");
    if (event.dataTransfer.files.length) choose(event.dataTransfer.files[0]);
  });
  addEventListener("paste", event => {
    const found = [...event.clipboardData.files].find(each => each.type.startsWith("image/"));
    if (found) choose(found);
  });

  // Directions ------------------------------------------------------------------------------------------------------

  function go(chosen) {
    network = chosen;
    const [height, width] = network.facts.inputs[0].shape;
    if (paper.width !== width || paper.height !== height) {
      const before = paper.width ? make("canvas", {width: paper.width, height: paper.height}) : null;
      before?.getContext("2d").drawImage(paper, 0, 0);
      Object.assign(paper, {width, height});  // which empties it
      past = [];
      future = [];
      if (before) putOn(before);
    }
    onward.hidden = networks.length < 2;
    link();
    return redraw();
  }

  const ways = networks.length > 1
    ? choice("Direction", networks.map(each => [words(each.facts.direction), each]), network, go) : null;

  /** The result becomes the picture of another direction, as in a cycle. */
  const onward = button("Take the result back", async () => {
    const other = networks[(networks.indexOf(network) + 1) % networks.length];
    const made = make("canvas", {width: result.width, height: result.height});
    made.getContext("2d").drawImage(result, 0, 0);
    remember();
    ways.show(other);
    putOn(made);
    await go(other);
  }, {id: "onward"});

  // Links -----------------------------------------------------------------------------------------------------------

  function link(picture = null) {
    toLink({way: networks.length > 1 ? network.facts.direction : null, picture});
  }

  const copyLink = button("Copy link", event => {
    const picture = paper.toDataURL("image/png").split(",")[1];
    if (picture.length > LONGEST_LINK) return said(event.currentTarget, "Too large for a link");
    link(picture);
    copy(location.href, event.currentTarget);
  }, {id: "link"});
  const save = button("Save PNG", () => savePng(result, `${network.facts.title}.png`), {id: "save"});

  async function follow() {
    const found = fromLink();
    const chosen = networks.find(each => each.facts.direction === found.way) ?? networks[0];
    ways?.show(chosen);
    network = chosen;
    const [height, width] = chosen.facts.inputs[0].shape;
    Object.assign(paper, {width, height});
    brush = Math.max(1, Math.round(Math.min(width, height) / 28));
    size.show(brush);
    scribble();
    let shown = null;
    if (/^[A-Za-z0-9+/=]+$/.test(found.picture ?? "")) {
      const picture = new Image();
      picture.src = `data:image/png;base64,${found.picture}`;
      try {
        await picture.decode();
        putOn(picture);
        shown = found.picture;
      } catch {
        // A link that was cut off: the page starts as without one.
      }
    }
    const drawn = go(chosen);
    if (shown) link(shown);
    return drawn;
  }
  addEventListener("hashchange", follow);

  // The page --------------------------------------------------------------------------------------------------------

  const size = slider("Pen", {min: 1, max: 16, step: 1, value: 1, words: value => `${value} px`,
    moved: value => { brush = value; }});
  size.element.id = "pen";
  const papers = [["White", "#ffffff"], ["Grey", "#808080"], ["Black", "#000000"]].map(([text, own]) =>
    button(text, () => { remember(); fill(own); redraw(); }, {id: `fill-${text.toLowerCase()}`}));

  function layOut() {
    const room = main.clientWidth, both = room > 700 ? (room - 40) / 2 : room;
    const longest = Math.max(paper.width, result.width), factor = wholeFactor(longest, Math.min(both - 2, 512));
    enlarge(paper, Math.max(1, Math.round(factor * longest / paper.width)));  // both of one size on the screen
    enlarge(result, Math.max(1, Math.round(factor * longest / result.width)));
  }

  main.classList.add("one");
  main.append(
    ...(ways ? [ways.element] : []),
    row(make("label", {className: "button"}, "Choose a picture", file),
      make("span", {className: "hint"}, "or drop one here, paste one, or draw.")),
    problem,
    make("div", {className: "pair", id: "picture"},
      make("figure", {}, make("figcaption", {}, "Your picture: draw on it"), paper),
      make("figure", {}, make("figcaption", {}, "What the network makes of it"), result)),
    row(make("label", {}, "Colour ", colour), size.element),
    row(make("span", {}, "Empty paper:"), ...papers),
    row(undo, redo, save, copyLink, onward),
  );
  new ResizeObserver(layOut).observe(main);
  await follow();
}
