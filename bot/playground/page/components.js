/** What stands under or in a bot's message: buttons, select menus, and the newer layout parts. */

import { el, icon } from "./dom.js";
import { markdown } from "./markdown.js";
import { fileCard, loosePictures, veil } from "./pictures.js";
import { selectMenu } from "./selects.js";

const STYLES = { 1: "blue", 2: "grey", 3: "green", 4: "red", 5: "link", 6: "grey" };

/**
 * @typedef {object} Hand what pressing does
 * @property {(component: object, values?: string[]) => void} press
 * @property {(customId: string) => boolean} isPending
 */

function button(spec, hand) {
  const name = spec.label || spec.emoji?.name || "";
  const inner = [
    spec.emoji && el("span", { class: "emoji", "aria-hidden": "true", text: spec.emoji.name }),
    spec.label && el("span", { text: spec.label }),
  ];
  const look = `press ${STYLES[spec.style] ?? "grey"}`;
  if (spec.style === 5 && !spec.disabled) {
    const out = { href: spec.url, target: "_blank", rel: "noreferrer noopener" };
    return el("a", { class: look, ...out }, ...inner, icon("link"));
  }
  const pending = hand.isPending(spec.custom_id);
  const node = el(
    "button",
    { type: "button", class: look, "aria-label": name, disabled: Boolean(spec.disabled) },
    ...inner,
  );
  node.dataset.customId = spec.custom_id;
  if (pending) node.setAttribute("aria-busy", "true");
  node.addEventListener("click", () => hand.isPending(spec.custom_id) || hand.press(spec));
  return node;
}

/** Veils what its sender marked as a spoiler. */
function perhapsVeiled(spec, root) {
  if (spec.spoiler) veil(root);
  return root;
}

function gallery(items) {
  const all = items.map((item) => ({ media: item.media, alt: item.description ?? "" }));
  const figures = loosePictures(all).map((root, index) => perhapsVeiled(items[index], root));
  return el("div", { class: `gallery mosaic${items.length > 1 ? " many" : ""}` }, ...figures);
}

const thumbnail = (spec) =>
  perhapsVeiled(spec, loosePictures([{ media: spec.media, alt: spec.description ?? "" }])[0]);

function file(spec) {
  const { url } = spec.file;
  const card = fileCard({ url, filename: spec.name ?? url.split("/").pop(), size: spec.size });
  return perhapsVeiled(spec, el("div", { class: "file-frame" }, card));
}

function separator({ divider, spacing }) {
  const look = [divider === false && "blank", spacing === 2 && "wide"].filter(Boolean);
  return el("hr", { class: look.join(" ") || null });
}

function containerBox(spec, hand) {
  const box = el("section", { class: "embed container" }, ...drawComponents(spec.components, hand));
  if (spec.accent_color)
    box.style.setProperty("--stripe", `#${spec.accent_color.toString(16).padStart(6, "0")}`);
  return perhapsVeiled(spec, box);
}

const KINDS = {
  1: (spec, hand) => el("div", { class: "action-row" }, ...drawComponents(spec.components, hand)),
  2: button,
  3: selectMenu,
  5: selectMenu,
  6: selectMenu,
  7: selectMenu,
  8: selectMenu,
  9: (spec, hand) =>
    el(
      "div",
      { class: "section-row" },
      el("div", { class: "grow" }, ...drawComponents(spec.components, hand)),
      ...drawComponents([spec.accessory], hand),
    ),
  10: (spec) => el("div", { class: "text-display" }, ...markdown(spec.content)),
  11: thumbnail,
  12: (spec) => gallery(spec.items),
  13: file,
  14: separator,
  17: containerBox,
};

/** @param {object[]} components @param {Hand} hand @returns {HTMLElement[]} */
export function drawComponents(components, hand) {
  return (components ?? [])
    .filter((spec) => spec && KINDS[spec.type])
    .map((spec) => KINDS[spec.type](spec, hand));
}
