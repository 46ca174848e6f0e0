/** What a message will carry: files that wait, and the message it answers. */

import { el, icon, iconButton } from "./dom.js";
import { plainText } from "./markdown.js";
import { nameOf } from "./state.js";
import { say } from "./words.js";

export class Tray {
  /** @type {File[]} */ #files = [];
  /** @type {object|null} */ #answered = null;

  /** @param {HTMLElement} root @param {() => void} onChange */
  constructor(root, onChange) {
    Object.assign(this, { root, onChange });
  }

  get isEmpty() {
    return !this.#files.length && !this.#answered;
  }

  get hasFiles() {
    return this.#files.length > 0;
  }

  /** @param {File[]} files */
  add(files) {
    this.#files.push(...files);
    this.draw();
  }

  /** @param {object} message */
  answer(message) {
    this.#answered = message;
    this.draw();
  }

  /** A reply belongs to its channel. */
  stayIn(channelId) {
    if (this.#answered && this.#answered.channel_id !== channelId) this.answer(null);
  }

  /** Gives the files away: to a command that has places for them, or with the message. */
  takeFiles() {
    const files = this.#files;
    this.#files = [];
    this.draw();
    return files;
  }

  /** Gives away everything that goes with a message. */
  take() {
    const replyTo = this.#answered?.id ?? null;
    this.#answered = null;
    return { files: this.takeFiles(), replyTo };
  }

  clear() {
    this.take();
  }

  #chip(file) {
    const picture = file.type.startsWith("image/");
    const address = picture ? URL.createObjectURL(file) : null;
    const remove = () => {
      this.#files = this.#files.filter((one) => one !== file);
      this.draw();
    };
    const image = picture && el("img", { src: address, alt: "" });
    if (image) image.addEventListener("load", () => URL.revokeObjectURL(address));
    return el(
      "li",
      { class: "parcel" },
      image || icon("file"),
      el("span", { class: "name", text: file.name || "picture.png" }),
      iconButton("close", say("remove_option", { name: file.name }), remove),
    );
  }

  draw() {
    const { root } = this;
    const files = this.#files.map((file) => this.#chip(file));
    const who = this.#answered && nameOf(this.#answered.author);
    const [front, back] = say("replying", { name: "\u0000" }).split("\u0000");
    const stop = () => this.answer(null);
    const words = plainText(this.#answered?.content).slice(0, 80);
    const note = el("span", { class: "note", text: words });
    const told = el("span", { class: "grow" }, front, el("b", { text: who }), back, " ", note);
    const reply = this.#answered && [told, iconButton("close", say("stop_replying"), stop)];
    root.hidden = this.isEmpty;
    root.replaceChildren(
      ...(reply ? [el("div", { class: "replying" }, ...reply)] : []),
      ...(files.length ? [el("ul", { class: "parcels" }, ...files)] : []),
    );
    this.onChange();
  }
}
