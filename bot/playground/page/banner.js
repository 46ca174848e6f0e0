/** The line over the messages when the bot or the server is away, or a model still loads. */

import { el } from "./dom.js";
import { state } from "./state.js";
import { say } from "./words.js";

/** What a bot may say of itself that a painter must know before anything else. */
const BUSY = /load|加载|untrained/i;

class Banner {
  #root = null;
  #here = true;
  #seen = false;
  #timer = null;

  open(root) {
    this.#root = root;
  }

  /** @param {boolean} here whether the page's line to the server stands */
  line(here) {
    this.#here = here;
    clearTimeout(this.#timer);
    if (here) this.draw();
    else this.#timer = setTimeout(() => this.draw(), 600);
  }

  #text() {
    if (!this.#here) return ["away", say("lost")];
    if (state.online) return BUSY.test(state.status) ? ["busy", state.status] : null;
    return this.#seen ? ["away", say("bot_offline")] : ["busy", say("bot_starting")];
  }

  draw() {
    if (state.online) this.#seen = true;
    const told = this.#text();
    const [kind, text] = told ?? ["", ""];
    if (this.#root.dataset.kind === kind && this.#root.textContent === text) return;
    this.#root.dataset.kind = kind;
    this.#root.replaceChildren(
      ...(told ? [el("span", { class: "spinner", "aria-hidden": "true" }), text] : []),
    );
  }
}

export const banner = new Banner();
