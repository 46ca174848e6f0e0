/** The panel for the curious: what goes between the bot and this server, newest first. */

import { el, iconButton } from "./dom.js";
import { say } from "./words.js";

const KEPT = 500;
const EVERY_MS = 700;
const ARROWS = { rest: "⇄", "to bot": "→", "from bot": "←" };

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const moment = (at) => `${clock.format(new Date(at))}${at.slice(19, 23)}`;

function part(name, value) {
  if (value === undefined) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return el("div", {}, el("h3", { text: name }), el("pre", { tabindex: "0", text }));
}

function row(entry) {
  const wrong = entry.status >= 400;
  const head = el(
    "summary",
    {},
    el("time", { text: moment(entry.at) }),
    el("span", { class: "way", title: entry.way, text: ARROWS[entry.way] }),
    el("span", { class: "what", text: entry.what }),
    el("span", { class: wrong ? "problem" : "", text: entry.status ?? "" }),
    el("span", { class: "note", text: entry.ms === undefined ? "" : `${entry.ms} ms` }),
  );
  const details = el("details", {}, head);
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    const { request, files, response } = entry;
    const parts = [["request", request], ["files", files], ["answer", response]];
    details.append(el("div", { class: "parts" }, ...parts.map(([key, it]) => part(say(key), it))));
  });
  return el("li", { data: { way: entry.way } }, details);
}

export class Wire {
  /** @type {{line: string, node: HTMLElement}[]} oldest first */ #rows = [];
  #last = 0;
  #timer = 0;

  /** @param {HTMLElement} panel @param {(after: number) => Promise<string>} fetchLines */
  constructor(panel, fetchLines) {
    Object.assign(this, { panel, fetchLines });
    this.list = el("ol", { tabindex: "0" });
    this.filter = el("input", { type: "search", autocomplete: "off" });
    this.filter.addEventListener("input", () => this.#sift());
    panel.addEventListener("keydown", (event) => event.key === "Escape" && this.toggle());
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  /** Draws the head in the page's language. */
  draw() {
    this.panel.setAttribute("aria-label", say("wire"));
    this.list.setAttribute("aria-label", say("wire"));
    this.filter.placeholder = say("wire_filter");
    this.filter.setAttribute("aria-label", say("wire_filter"));
    const save = iconButton("download", say("wire_save"), () => this.#save());
    const close = iconButton("close", say("hide"), () => this.toggle());
    const head = el("header", {}, el("h2", { text: say("wire") }), this.filter, save, close);
    this.panel.replaceChildren(head, this.list);
  }

  toggle() {
    this.panel.hidden = this.isOpen;
    clearTimeout(this.#timer);
    if (this.isOpen) {
      this.filter.focus();
      this.#read();
    } else this.opener?.focus();
    this.opener?.setAttribute("aria-expanded", String(this.isOpen));
  }

  async #read() {
    const text = await this.fetchLines(this.#last).catch(() => "");
    const lines = text.split("\n").filter(Boolean);
    for (const line of lines) {
      const entry = JSON.parse(line);
      const node = row(entry);
      node.hidden = !this.#fits(line);
      this.#last = entry.n;
      this.#rows.push({ line, node });
      this.list.prepend(node);
    }
    for (const { node } of this.#rows.splice(0, this.#rows.length - KEPT)) node.remove();
    if (this.isOpen) this.#timer = setTimeout(() => this.#read(), EVERY_MS);
  }

  #fits(line) {
    return line.toLowerCase().includes(this.filter.value.trim().toLowerCase());
  }

  #sift() {
    for (const { line, node } of this.#rows) node.hidden = !this.#fits(line);
  }

  /** Saves what the filter leaves, a line of JSON each. */
  #save() {
    const lines = this.#rows.filter(({ node }) => !node.hidden).map(({ line }) => `${line}\n`);
    const href = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }));
    el("a", { href, download: "wire.ndjson" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  }
}
