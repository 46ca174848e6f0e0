/** One message as an article; changes are drawn in place, part by part. */

import { drawComponents } from "./components.js";
import { el, icon, iconButton, some } from "./dom.js";
import { drawEmbed } from "./embeds.js";
import { markdown, plainText } from "./markdown.js";
import { avatar } from "./people.js";
import { Pictures, altOf, isPicture } from "./pictures.js";
import { drawReactions } from "./reactions.js";
import { nameOf, state } from "./state.js";
import { clock, day, moment, say } from "./words.js";

const EPHEMERAL = 64;
const LOADING = 128;
const GROUP_MS = 7 * 60 * 1000;

export const isEphemeral = (message) => Boolean(message.ephemeral_to || message.flags & EPHEMERAL);

/** Whether `message` stands under the head of the one before it. */
export function isCompact(message, before) {
  if (!before || before.author.id !== message.author.id) return false;
  if (message.message_reference || askedBy(message) || isEphemeral(message) !== isEphemeral(before))
    return false;
  const [now, then] = [new Date(message.timestamp), new Date(before.timestamp)];
  return now - then < GROUP_MS && now.toDateString() === then.toDateString();
}

/** Addresses of files are signed anew each time; what they lead to stays the same. */
const lasting = (key, value) =>
  key === "url" || key === "proxy_url" ? String(value).split("?")[0] : value;

/** Who used which command, when the message answers one. */
function askedBy(message) {
  const told = message.interaction ?? message.interaction_metadata;
  if (!told?.user || (told.type ?? 2) !== 2) return null;
  return { user: told.user, name: told.name ?? message.interaction?.name };
}

/**
 * @typedef {object} Acts what a message lets one do
 * @property {(message: object, spec: object, values?: string[]) => Promise<string|null>} press
 * @property {(message: object, emoji: string, add: boolean) => void} react
 * @property {(id: string) => void} jump
 * @property {(message: object) => void} dismiss
 */
export class MessageView {
  #keys = {};
  #pending = new Set();
  #pictures = new Pictures();

  /** @param {object} message @param {Acts} acts */
  constructor(message, acts) {
    this.acts = acts;
    const id = `m${message.id}`;
    this.divider = el("div", { class: "divider", hidden: true });
    this.over = el("div", { class: "over", hidden: true });
    this.side = el("div", { class: "side" });
    this.head = el("header", { id: `${id}-head` });
    this.content = el("div", { class: "content", id: `${id}-text` });
    this.embeds = el("div", { class: "embeds" });
    this.components = el("div", { class: "components" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.reactions = el("div", { class: "reactions" });
    this.note = el("p", { class: "only-you", hidden: true });
    this.body = el(
      "div",
      { class: "body" },
      this.head,
      this.content,
      this.#pictures.root,
      this.embeds,
      this.components,
      this.problem,
      this.reactions,
      this.note,
    );
    this.root = el(
      "article",
      { class: "message", id, tabindex: "-1", "aria-labelledby": `${id}-head ${id}-text` },
      this.divider,
      this.over,
      this.side,
      this.body,
    );
    this.root.view = this;
    this.update(message);
  }

  /** Draws what has changed since the last time, and nothing else. */
  update(message) {
    this.message = message;
    const ephemeral = isEphemeral(message);
    this.root.classList.toggle("ephemeral", ephemeral);
    this.#part(
      "content",
      [message.content, message.flags & LOADING, message.edited_timestamp],
      () => this.#words(),
    );
    this.#part(
      "over",
      [message.referenced_message?.id, message.message_reference, askedBy(message)],
      () => this.#above(),
    );
    this.#pictures.update(message.flags & 32768 ? [] : (message.attachments ?? []));
    this.#part("embeds", message.embeds, () =>
      this.embeds.replaceChildren(...(message.embeds ?? []).map(drawEmbed)),
    );
    this.#part("components", message.components, () => this.#drawComponents());
    this.#part("reactions", message.reactions, () => this.#drawReactions());
    this.#part("note", ephemeral, () => this.#drawNote(ephemeral));
  }

  #part(name, value, draw) {
    const key = JSON.stringify(value ?? null, lasting);
    if (this.#keys[name] === key) return;
    this.#keys[name] = key;
    draw();
  }

  /** Draws everything again: the language or the people have changed. */
  redraw() {
    this.#keys = {};
    this.update(this.message);
    this.group(this.before);
  }

  /** @param {object|undefined} before the message above this one */
  group(before) {
    this.before = before;
    const { message } = this;
    const date = new Date(message.timestamp);
    const compact = isCompact(message, before);
    this.#part("group", [compact, before?.timestamp, message.author.id], () => {
      const fresh = !before || new Date(before.timestamp).toDateString() !== date.toDateString();
      this.divider.hidden = !fresh;
      this.divider.replaceChildren(el("span", { text: day(date) }));
      this.root.classList.toggle("compact", compact);
      this.head.classList.toggle("hidden-text", compact);
      this.head.replaceChildren(
        ...some([
          el("span", { class: "author", text: nameOf(message.author) }),
          message.author.bot && el("span", { class: "tag", text: say("app") }),
          el("time", {
            datetime: message.timestamp,
            title: date.toLocaleString(),
            text: moment(date),
          }),
        ]),
      );
      this.side.replaceChildren(
        compact ? el("time", { "aria-hidden": "true", text: clock(date) }) : avatar(message.author),
      );
    });
  }

  #words() {
    const { message } = this;
    const edited =
      message.edited_timestamp &&
      !message.author.bot &&
      el("span", { class: "edited", text: ` ${say("edited")}` });
    if (message.flags & LOADING && !message.content) {
      const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
      this.content.replaceChildren(dots, say("thinking", { name: nameOf(message.author) }));
      return;
    }
    const nodes = message.content ? markdown(message.content) : [];
    if (edited && nodes.length) nodes.at(-1).append(edited);
    this.content.replaceChildren(...nodes);
  }

  #above() {
    const { message } = this;
    const asked = askedBy(message);
    this.over.hidden = !asked && !message.message_reference?.message_id;
    if (asked) {
      const [front, back] = say(asked.name ? "used" : "used_some", { command: "\u0000" }).split(
        "\u0000",
      );
      const command = asked.name && el("span", { class: "mention", text: `/${asked.name}` });
      this.over.replaceChildren(
        avatar(asked.user, "tiny"),
        el("b", { text: nameOf(asked.user) }),
        el("span", {}, front, command, back),
      );
      return;
    }
    const parent = message.referenced_message;
    const go = { click: () => this.acts.jump(message.message_reference.message_id) };
    const jump = el("button", { type: "button", class: "jump", title: say("jump"), on: go });
    const text = parent ? preview(parent) : say("deleted");
    if (parent)
      jump.append(avatar(parent.author, "tiny"), el("b", { text: nameOf(parent.author) }));
    const shown = el("span", { class: "preview", text, on: parent ? go : {} });
    this.over.replaceChildren(...some([parent && jump, shown]));
  }

  #drawComponents() {
    const focused =
      this.components.contains(document.activeElement) && document.activeElement.dataset.customId;
    const hand = {
      isPending: (id) => this.#pending.has(id),
      press: (spec, values) => this.#press(spec, values),
    };
    this.components.replaceChildren(...drawComponents(this.message.components, hand));
    if (focused)
      this.components
        .querySelector(`[data-custom-id="${CSS.escape(focused)}"]`)
        ?.focus({ preventScroll: true });
  }

  async #press(spec, values) {
    this.problem.textContent = "";
    this.#pending.add(spec.custom_id);
    this.#markBusy(spec.custom_id, true);
    const problem = await this.acts.press(this.message, spec, values);
    this.#pending.delete(spec.custom_id);
    this.#markBusy(spec.custom_id, false);
    if (problem && values) this.#drawComponents(); // a menu goes back to what it was
    this.problem.textContent = problem ?? "";
  }

  #markBusy(customId, busy) {
    const same = this.components.querySelectorAll(`[data-custom-id="${CSS.escape(customId)}"]`);
    for (const node of same) {
      if (busy) node.setAttribute("aria-busy", "true");
      else node.removeAttribute("aria-busy");
    }
  }

  #drawReactions() {
    const toggle = (emoji, add) => this.acts.react(this.message, emoji, add);
    this.reactions.replaceChildren(...drawReactions(this.message.reactions ?? [], toggle));
  }

  #drawNote(ephemeral) {
    this.note.hidden = !ephemeral;
    if (!ephemeral) return;
    const dismiss = el("button", { type: "button", class: "text-button", text: say("dismiss") });
    dismiss.addEventListener("click", () => this.acts.dismiss(this.message));
    this.note.replaceChildren(icon("eye"), say("only_you"), " · ", dismiss);
  }
}

/** One line of a message for its replies. */
function preview(message) {
  const words = plainText(message.content);
  const picture = (message.attachments ?? []).find(isPicture);
  return words || (picture ? altOf(picture) : "…");
}

/** The few things that hover over the message under the pointer or the focus. */
export function toolbar(acts) {
  const root = el("div", { class: "toolbar", role: "group" });
  const view = () => root.closest(".message").view;
  const draw = () =>
    root.replaceChildren(
      iconButton("smile", say("react"), (event) => acts.offer(view(), event.currentTarget), {
        "data-react": "",
      }),
      iconButton("reply", say("reply"), () => acts.reply(view()), { "data-reply": "" }),
      iconButton("more", say("more"), (event) => acts.menu(view(), event.currentTarget)),
    );
  draw();
  state.watch(["language"], draw);
  return root;
}
