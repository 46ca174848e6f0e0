/** Building elements without markup: text is always text, so nothing a person wrote can be code. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] class, text, on: {event: handler}, style, data, attributes
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "on") {
      for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    } else if (name === "style") Object.assign(node.style, value);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...some(children));
  return node;
}

const drawn = new WeakMap();

/** Fills `holder` by `draw` when `told` has changed: a list that is open in it stays open. */
export function drawOnce(holder, told, draw) {
  const key = JSON.stringify(told);
  if (drawn.get(holder) === key) return;
  drawn.set(holder, key);
  holder.replaceChildren(...draw());
}

/**
 * Removes a dialog once it has closed, and gives `opener` the focus back. The event comes a moment
 * after the end: whoever is elsewhere by then stays there.
 */
export function removeOnceClosed(dialog, opener) {
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (document.activeElement === document.body) opener?.focus();
  });
}

/** Those of the children that are there: conditions leave null, undefined, false, 0 or "". */
export const some = (children) => children.filter(Boolean);

const SVG = "http://www.w3.org/2000/svg";

/** One shape on a 24×24 field per name; strokes take the colour of the text around them. */
const SHAPES = {
  menu: "M4 6h16M4 12h16M4 18h16",
  people:
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6M16 4.4" +
    "a3.5 3.5 0 0 1 0 6.2M18 14.4c2.1.8 3.5 2.8 3.5 5.6",
  sun:
    "M12 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM12 2v2.5M12 19.5V22M2 12h2.5" +
    "M19.5 12H22M5 5l1.7 1.7M17.3 17.3 19 19M19 5l-1.7 1.7M6.7 17.3 5 19",
  moon: "M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5Z",
  close: "M6 6l12 12M18 6 6 18",
  wire: "M2.5 12h4l3-7.5 5 15 3-7.5h4",
  send: "M4 12 20 4.5 15 20l-3.5-6.5L4 12Zm7.5 1.5L20 4.5",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM8.5 14.5c1.8 2.6 5.2 2.6 7 0M9 9.5v.2M15 9.5v.2",
  more:
    "M4.4 12a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0M11.4 12a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0" +
    "M18.4 12a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0",
  download: "M12 4v11M7.5 11 12 15.5 16.5 11M5 20h14",
  zoomin: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM16.5 16.5 21 21M11 8v6M8 11h6",
  zoomout: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM16.5 16.5 21 21M8 11h6",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  down: "M12 5v14M6 13l6 6 6-6",
  link: "M14 4h6v6M20 4l-9 9M18 14v5H5V6h5",
  eye:
    "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 14.5" +
    "a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  picture: "M4 5h16v14H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 9.5v.1",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  attach: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 8v8M8 12h8",
  reply: "M10 6 4 12l6 6M4.5 12H14c4 0 6 2.5 6 6.5",
};

/** @param {keyof typeof SHAPES} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

/** A round or square button that shows only an icon and says its name. */
export function iconButton(name, label, onClick, props = {}) {
  const look = { type: "button", class: "icon-button", title: label, "aria-label": label };
  return el("button", { ...look, ...props, on: { click: onClick } }, icon(name));
}

/** The playground's own sign: an easel with a picture on it. */
export function sign() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("class", "sign");
  svg.setAttribute("aria-hidden", "true");
  const parts = [
    ["M16 3v4M9.5 22 6 29.5M22.5 22 26 29.5M16 22v6", "legs"],
    ["M5.5 7h21v15h-21z", "canvas"],
    ["M5.5 18.5l6-5.5 4.5 4 4-3 6.5 5.5V22h-21z", "hill"],
    ["M20.5 12.7a1.9 1.9 0 1 0 0-3.8 1.9 1.9 0 0 0 0 3.8Z", "dot"],
  ];
  for (const [d, kind] of parts) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("class", kind);
    svg.append(path);
  }
  return svg;
}
