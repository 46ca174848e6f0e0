/** "Easel is typing…": shown for a while, and gone with the next message. */

import { nameOf, state } from "./state.js";
import { say } from "./words.js";

const LASTS_MS = 10000;

export class Typing {
  #timer = null;
  #who = null;

  /** @param {(text: string) => void} tell */
  constructor(tell) {
    this.tell = tell;
  }

  start(userId) {
    clearTimeout(this.#timer);
    this.#who = userId;
    this.tell(say("typing", { name: nameOf(state.users.get(userId)) }));
    this.#timer = setTimeout(() => this.stop(userId), LASTS_MS);
  }

  stop(userId) {
    if (this.#who !== userId) return;
    clearTimeout(this.#timer);
    this.#who = null;
    this.tell("");
  }
}
