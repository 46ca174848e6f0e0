/** The list over the message box: commands, or what an autocompleted option offers. */

import { el } from "./dom.js";

/** @typedef {{title: string, detail?: string, note?: string, choose: () => void}} Item */

export class Picker {
  #items = [];
  #rows = [];
  #at = 0;
  #box = null;

  /** @param {HTMLElement} root an empty element with the role listbox */
  constructor(root) {
    this.root = root;
    root.addEventListener("pointerdown", (event) => event.preventDefault());
  }

  get open() {
    return !this.root.hidden;
  }

  /** @param {HTMLElement} box which has the focus @param {string} label @param {Item[]} items */
  show(box, label, items) {
    if (!items.length) {
      this.hide();
      return;
    }
    this.#box = box;
    this.#items = items;
    this.#rows = items.map((item, index) => {
      const row = el(
        "div",
        { role: "option", id: `pick-${index}`, class: "option" },
        el("span", { class: "name", text: item.title }),
        item.detail && el("span", { class: "grow note", text: item.detail }),
        item.note && el("span", { class: "hint", text: item.note }),
      );
      row.addEventListener("click", () => this.choose(index));
      row.addEventListener("pointermove", () => this.#mark(index));
      return row;
    });
    this.root.setAttribute("aria-label", label);
    this.root.replaceChildren(
      el("div", { class: "picker-title", "aria-hidden": "true", text: label }),
      ...this.#rows,
    );
    this.root.hidden = false;
    box.setAttribute("aria-controls", this.root.id);
    this.#mark(0);
  }

  #mark(index) {
    this.#rows[this.#at]?.setAttribute("aria-selected", "false");
    this.#at = index;
    const row = this.#rows[index];
    row.setAttribute("aria-selected", "true");
    row.scrollIntoView({ block: "nearest" });
    this.#box.setAttribute("aria-activedescendant", row.id);
  }

  choose(index = this.#at) {
    const item = this.#items[index];
    this.hide();
    item?.choose();
  }

  hide() {
    this.root.hidden = true;
    this.root.replaceChildren();
    this.#items = this.#rows = [];
    this.#at = 0;
    this.#box?.removeAttribute("aria-activedescendant");
    this.#box?.removeAttribute("aria-controls");
  }

  /** Takes the key if it is the list's; true when it was. */
  key(event) {
    if (!this.open) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#mark((this.#at + step + this.#rows.length) % this.#rows.length);
    else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) this.choose();
    else if (event.key === "Escape") this.hide();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }
}
