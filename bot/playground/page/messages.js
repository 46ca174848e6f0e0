/** The list of messages: what is loaded, where one has scrolled to, and what is new below. */

import { settled } from "./api.js";
import { el, icon } from "./dom.js";
import { isEphemeral, MessageView, toolbar } from "./message.js";
import { state } from "./state.js";
import { say } from "./words.js";
import { drawWelcome } from "./welcome.js";

const NEAR = 48;
const PAGE = 50;
const CHUNK = 25;

/** Some messages in a row, which the browser passes over as one while they are out of sight. */
function chunkOf(views) {
  const root = el("div", { class: "chunk" }, ...views.map((view) => view.root));
  measure(root);
  return root;
}

const measure = (chunk) => chunk.style.setProperty("--messages", chunk.childElementCount);

/** Snowflakes grow with time but are too long for numbers. */
const older = (a, b) => (a.length === b.length ? a < b : a.length < b.length);

export class MessageList {
  /** @type {Map<string, MessageView>} in the order of time */ #views = new Map();
  #complete = false;
  #loading = null;
  #following = true;
  #lastTop = 0;
  #turn = 0;
  #told = 0;
  #watcher;
  #opening = null;

  /**
   * @param {HTMLElement} log the scrolling region @param {HTMLElement} pill
   * @param {{fetch: (before?: string) => Promise<object[]>, run: (text: string) => void}} source
   * @param {object} acts see Acts in message.js, with offer and menu for the toolbar
   */
  constructor(log, pill, source, acts) {
    Object.assign(this, { log, pill, source, acts });
    this.list = log.firstElementChild;
    this.top = el("div", { class: "top" });
    this.tools = toolbar(acts);
    pill.addEventListener("click", () => this.toBottom());
    log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    const settle = new ResizeObserver(() => this.#following && this.#stick());
    settle.observe(this.list);
    settle.observe(log);
    const lift = ({ target }) => this.#lift(target.closest?.(".message"));
    this.list.addEventListener("pointerover", lift);
    this.list.addEventListener("focusin", lift);
    log.addEventListener("keydown", (event) => this.#key(event));
    this.#watcher = new IntersectionObserver(
      (seen) => seen.at(-1).isIntersecting && this.#older().catch(() => {}),
      { root: log, rootMargin: "600px" },
    );
    this.#watcher.observe(this.top);
  }

  get last() {
    return [...this.#views.values()].at(-1);
  }

  /** Empties the list and shows the open channel from its newest message. */
  open() {
    this.#opening = this.#fill();
    return this.#opening;
  }

  /** Messages from the server; never from before what its events have said since. */
  #ask(before) {
    return settled(
      () => this.source.fetch(before),
      () => this.#told,
    );
  }

  async #fill() {
    const turn = ++this.#turn;
    this.#views.clear();
    this.#complete = false;
    this.list.replaceChildren(this.top);
    this.top.replaceChildren();
    this.#following = true;
    this.pill.hidden = true;
    this.log.setAttribute("aria-busy", "true");
    const messages = state.channel && (await this.#ask().catch(() => null));
    if (turn !== this.#turn || !messages) return;
    for (const message of messages) this.put(message, false);
    this.#complete = messages.length < PAGE;
    this.#drawTop();
    this.log.removeAttribute("aria-busy");
    this.#stick();
  }

  /** Fetches the newest again after the line was cut, and draws what is new or changed. */
  async refresh() {
    const turn = this.#turn;
    const messages = await this.#ask();
    if (turn !== this.#turn) return;
    const joined = messages.length < PAGE || messages.some((one) => this.#views.has(one.id));
    if (this.log.hasAttribute("aria-busy") || !joined) {
      await this.open(); // it was never filled, or more came than is told at a time
      return;
    }
    const kept = new Set(messages.map((one) => one.id));
    const first = messages[0]?.id;
    for (const id of [...this.#views.keys()]) {
      if (!kept.has(id) && !id.startsWith("local") && (!first || older(first, id))) this.remove(id);
    }
    for (const message of messages) this.put(message, false);
  }

  /** Shows a message, new or changed. */
  put(message, fresh = true) {
    if (fresh) this.#told += 1;
    if (state.dismissed.has(message.id)) return;
    state.meet(message.author);
    const known = this.#views.get(message.id);
    if (known) {
      known.update(message);
      return;
    }
    const before = this.last;
    const view = new MessageView(message, this.acts);
    if (
      !before ||
      message.id.startsWith("local") ||
      before.message.id.startsWith("local") ||
      older(before.message.id, message.id)
    ) {
      this.#views.set(message.id, view);
      view.group(before?.message);
      this.#append(view);
    } else this.#squeeze(view);
    if (!fresh) return;
    if (message.author.id === state.me?.id || isEphemeral(message)) this.toBottom();
    else if (!this.#following) this.pill.hidden = false;
  }

  /** Puts a message that came late where it belongs. */
  #squeeze(view) {
    const views = [...this.#views.values(), view];
    views.sort((a, b) => (older(a.message.id, b.message.id) ? -1 : 1));
    this.#views = new Map(views.map((one) => [one.message.id, one]));
    const next = views[views.indexOf(view) + 1];
    next.root.before(view.root);
    measure(next.root.parentElement);
    this.#regroup();
  }

  #append(view) {
    const chunk = this.list.lastElementChild;
    if (chunk === this.top || chunk.childElementCount >= CHUNK) {
      this.list.append(chunkOf([view]));
      return;
    }
    chunk.append(view.root);
    measure(chunk);
  }

  #regroup() {
    let before;
    for (const view of this.#views.values()) {
      view.group(before);
      before = view.message;
    }
  }

  change(partial) {
    this.#told += 1;
    const known = this.#views.get(partial.id);
    if (known) known.update({ ...known.message, ...partial });
  }

  remove(id) {
    this.#told += 1;
    const view = this.#views.get(id);
    if (!view) return;
    const views = [...this.#views.values()];
    const next = views[views.indexOf(view) + 1];
    const held = view.root.contains(document.activeElement);
    this.#views.delete(id);
    const chunk = view.root.parentElement;
    view.root.remove();
    measure(chunk);
    if (!chunk.childElementCount) chunk.remove();
    if (next) next.group(views[views.indexOf(view) - 1]?.message);
    if (held) (next?.root ?? this.last?.root ?? this.log).focus({ preventScroll: true });
  }

  redraw() {
    for (const view of this.#views.values()) view.redraw();
    this.#drawTop();
  }

  #drawTop() {
    this.top.replaceChildren(
      ...(this.#complete && state.channel ? [drawWelcome(this.source.run)] : []),
    );
  }

  async #older() {
    const first = this.#views.values().next().value;
    if (this.#complete || !first || this.#loading) return;
    const turn = this.#turn;
    this.#loading = this.#ask(first.message.id);
    let messages;
    try {
      messages = await this.#loading;
    } finally {
      this.#loading = null;
    }
    if (turn !== this.#turn) return;
    this.log.setAttribute("aria-busy", "true");
    const fromBottom = this.log.scrollHeight - this.log.scrollTop;
    const views = messages
      .filter((one) => !this.#views.has(one.id) && !state.dismissed.has(one.id))
      .map((message) => new MessageView(message, this.acts));
    this.#views = new Map([...views.map((view) => [view.message.id, view]), ...this.#views]);
    const half = views.length - CHUNK;
    const chunks = [views.slice(0, Math.max(half, 0)), views.slice(Math.max(half, 0))];
    this.top.after(...chunks.filter((one) => one.length).map(chunkOf));
    this.#regroup();
    this.#complete = messages.length < PAGE;
    this.#drawTop();
    this.log.scrollTop = this.log.scrollHeight - fromBottom;
    this.log.removeAttribute("aria-busy");
    this.#watcher.unobserve(this.top); // who is still at the top is told of only when asked anew
    this.#watcher.observe(this.top);
  }

  /** Scrolls to a message, fetching older ones until it is here; tells whether there is one. */
  async jump(id) {
    await this.#opening;
    if (!this.#views.size && !this.#complete) throw new Error("The channel could not be opened.");
    for (let tries = 0; !this.#views.has(id) && !this.#complete && tries < 40; tries += 1) {
      await (this.#loading ?? this.#older());
    }
    const view = this.#views.get(id);
    if (!view) return false;
    this.#following = false;
    view.root.scrollIntoView({ block: "center" });
    view.root.focus({ preventScroll: true });
    view.root.classList.remove("flash");
    requestAnimationFrame(() => view.root.classList.add("flash"));
    return true;
  }

  toBottom() {
    this.#following = true;
    this.pill.hidden = true;
    this.#stick();
  }

  #stick() {
    this.log.scrollTop = this.log.scrollHeight;
    this.#lastTop = this.log.scrollTop;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.log;
    if (scrollHeight - clientHeight - scrollTop < NEAR) {
      this.#following = true;
      this.pill.hidden = true;
    } else if (scrollTop < this.#lastTop - 1) this.#following = false;
    this.#lastTop = scrollTop;
  }

  #lift(article) {
    if (!article || this.tools.parentElement === article.view.body) return;
    if (!article.view.message.local) article.view.body.append(this.tools);
  }

  #key(event) {
    const here = document.activeElement;
    if (here !== this.log && !here?.matches(".message")) return;
    const article = here.closest(".message");
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step) {
      event.preventDefault();
      const all = [...this.#views.values()].map((view) => view.root);
      const at = article ? all.indexOf(article) + step : all.length - 1;
      all[Math.max(0, Math.min(at, all.length - 1))]?.focus();
    } else if (
      article &&
      (event.key === "ContextMenu" || (event.shiftKey && event.key === "F10"))
    ) {
      event.preventDefault();
      this.acts.menu(article.view, article);
    } else if (event.key === "Escape") this.acts.leave();
  }
}

/** The pill over the box that leads back to the newest message. */
export function drawPill(pill) {
  pill.replaceChildren(icon("down"), say("new_messages"));
  pill.setAttribute("aria-label", `${say("new_messages")}: ${say("newest")}`);
}
