// Parts of the page, made by script.

/** An element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter(child => child !== ""));
  return element;
}

export function button(text, act, properties = {}) {
  const made = make("button", {type: "button", ...properties}, text);
  made.addEventListener("click", act);
  return made;
}

export const row = (...children) => make("div", {className: "row"}, ...children);

/**
 * A labelled slider; `moved(value)` at every movement, `settled()` when it is let go.
 *
 * Returns {element, show}: `show(value)` moves it without calling either.
 */
export function slider(label, {min, max, step = 0.01, value, moved, settled = () => {}, words = x => x.toFixed(2)}) {
  const input = make("input", {type: "range", min, max, step, value});
  const output = make("output", {}, words(value));
  const show = shown => {
    input.value = shown;
    output.textContent = words(Number(shown));
  };
  input.addEventListener("input", () => {
    output.textContent = words(input.valueAsNumber);
    moved(input.valueAsNumber);
  });
  input.addEventListener("change", settled);
  return {element: make("label", {className: "slider"}, make("span", {}, label), input, output), show};
}

/** Buttons of which one is pressed; `choose(value)` when another is. Returns {element, show}. */
export function choice(label, options, value, choose) {
  const buttons = options.map(([text, own]) => button(text, () => { show(own); choose(own); }));
  const show = chosen => options.forEach(([, own], index) => buttons[index].setAttribute("aria-pressed", own === chosen));
  show(value);
  const element = make("div", {className: "row", role: "group"}, make("span", {}, label), ...buttons);
  element.setAttribute("aria-label", label);
  return {element, show};
}

/** Says something for a moment on a button that was pressed. */
export function said(element, text) {
  const before = element.dataset.before ??= element.textContent;
  element.textContent = text;
  setTimeout(() => { element.textContent = before; }, 1500);
}

/** Copies text, also in a page from disk in browsers that keep the clipboard from it. */
export async function copy(text, element) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", {value: text});
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  said(element, "Copied");
}

/** What the part of the address after # says, as an object. */
export const fromLink = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

/** Puts what makes this view into the address. */
export function toLink(facts) {
  const said = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined);
  history.replaceState(null, "", `#${new URLSearchParams(said)}`);
}
