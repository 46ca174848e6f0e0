/** Attachments: pictures that keep their place while they change, and other files. */

import { near } from "./api.js";
import { el, icon } from "./dom.js";
import { say } from "./words.js";
import { openViewer } from "./viewer.js";

const WIDEST = 480;
const TALLEST = 480;
const NAMES = /\.(png|jpe?g|webp|gif|avif)$/i;

export const isPicture = (file) =>
  (file.content_type ?? "").startsWith("image/") || NAMES.test(file.filename ?? "");

export const altOf = (file) => file.description || file.title || file.filename || say("picture");

/** How large a picture stands in the list; known before a single byte of it is here. */
function frame(file, count) {
  const width = file.width || 512;
  const height = file.height || 512;
  const limit = count > 1 ? WIDEST / 2 : WIDEST;
  const tall = count > 1 ? TALLEST / 2 : TALLEST;
  const small = Math.min(width, height) < 128 ? 1 : Infinity;
  const factor = Math.min(limit / width, tall / height, small);
  return { width: Math.max(Math.round(width * factor), 48), ratio: `${width} / ${height}` };
}

function place(figure, file, count) {
  const { width, ratio } = frame(file, count);
  figure.style.setProperty("--width", `${width}px`);
  figure.style.setProperty("--ratio", ratio);
}

/** The pictures and files under one message. */
export class Pictures {
  #figures = [];
  #files = el("div", { class: "files" });
  #known = "";
  /** @type {object[]} */ #shown = [];

  constructor() {
    this.gallery = el("div", { class: "gallery" });
    this.root = el("div", { class: "pictures", hidden: true }, this.gallery, this.#files);
  }

  /** @param {object[]} attachments as the message has them now */
  update(attachments) {
    const key = JSON.stringify(attachments.map((one) => [one.id, one.description, one.width]));
    if (key === this.#known) return;
    this.#known = key;
    this.#shown = attachments.filter(isPicture);
    this.root.hidden = attachments.length === 0;
    this.gallery.classList.toggle("many", this.#shown.length > 1);
    this.#shown.forEach((file, index) => this.#put(file, index));
    for (const figure of this.#figures.splice(this.#shown.length)) figure.root.remove();
    this.#files.replaceChildren(...attachments.filter((one) => !isPicture(one)).map(fileCard));
  }

  #put(file, index) {
    const figure = this.#figures[index] ?? this.#add(index);
    const address = near(file.url);
    figure.link.href = address;
    if (figure.id === file.id) {
      figure.link.firstElementChild?.setAttribute("alt", altOf(file));
      return;
    }
    figure.id = file.id;
    const next = el("img", { alt: altOf(file), draggable: "false", decoding: "async" });
    if (figure.link.childElementCount === 0) {
      place(figure.root, file, this.#shown.length);
      next.src = address;
      figure.link.append(next);
      return;
    }
    next.src = address;
    const swap = () => {
      if (figure.id !== file.id) return;
      place(figure.root, file, this.#shown.length);
      figure.link.replaceChildren(next);
    };
    next.decode().then(swap, swap);
  }

  #add(index) {
    const link = el("a", { class: "picture", title: say("open_picture") });
    const root = el("div", { class: "figure" }, link);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      openViewer(this.#shown, index, link);
    });
    this.#figures[index] = { root, link, id: null };
    this.gallery.append(root);
    if (this.#shown[index]?.filename?.startsWith("SPOILER_")) veil(root);
    return this.#figures[index];
  }
}

/** Covers something until it is pressed; what is under it can be reached only then. */
export function veil(root) {
  const cover = el("button", { type: "button", class: "veil" });
  cover.append(el("span", { text: say("spoiler") }));
  root.classList.add("veiled");
  for (const inner of root.children) inner.inert = true;
  cover.addEventListener("click", () => {
    for (const inner of root.children) inner.inert = false;
    root.classList.remove("veiled");
    cover.remove();
    root.querySelector("a, button, select")?.focus();
  });
  root.append(cover);
}

export function fileCard(file) {
  const size = file.size ? `${Math.max(1, Math.round(file.size / 1024))} KiB` : "";
  const link = { href: near(file.url), download: file.filename ?? "" };
  return el(
    "a",
    { class: "file", ...link },
    icon("file"),
    el(
      "span",
      {},
      el("span", { class: "name", text: file.filename }),
      el("span", { class: "note", text: size }),
    ),
  );
}

/**
 * Pictures outside the attachments, which the viewer shows as one row: embeds, galleries.
 * @param {{media: object, alt: string}[]} items @returns {HTMLElement[]}
 */
export function loosePictures(items, props = {}) {
  const files = items.map(({ media, alt }) => ({
    ...media,
    filename: media.url.split("?")[0].split("/").pop(),
    description: alt,
  }));
  return files.map((file, index) => {
    const address = near(file.url);
    const link = el(
      "a",
      { class: "picture", href: address, title: say("open_picture") },
      el("img", { src: address, alt: altOf(file), loading: "lazy", draggable: "false" }),
    );
    const root = el("div", { class: "figure", ...props }, link);
    place(root, file, files.length);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      openViewer(files, index, link);
    });
    return root;
  });
}
