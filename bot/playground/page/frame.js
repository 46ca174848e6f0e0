/** The frame round the messages: the bar above them, the theme, and the drawers of a phone. */

import { el, iconButton, some } from "./dom.js";
import { channelName, isDirect, state } from "./state.js";
import { currentLanguage, say, useLanguage } from "./words.js";

const KEPT = "easel.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

const stored = localStorage.getItem(KEPT);
if (stored) root.dataset.theme = stored;

const isDark = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";

function themeButton() {
  const night = isDark();
  const label = say(night ? "theme_light" : "theme_dark");
  const button = iconButton(night ? "sun" : "moon", label, () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem(KEPT, root.dataset.theme);
    const next = themeButton();
    button.replaceWith(next);
    next.focus();
  });
  return button;
}

function languageButton(bar) {
  const next = currentLanguage() === "zh" ? "en" : "zh";
  const button = el("button", {
    type: "button",
    class: "icon-button word",
    "data-language": "",
    lang: next === "zh" ? "zh-CN" : "en",
    text: next === "zh" ? "中文" : "English",
  });
  button.addEventListener("click", () => {
    useLanguage(next);
    state.tell("language");
    bar.querySelector("[data-language]")?.focus();
  });
  return button;
}

/** Draws the bar over the messages. */
export function drawBar(bar, drawers, wire) {
  const menu = iconButton("menu", say("show_channels"), () => drawers.toggle("side"));
  const people = iconButton("people", say("show_members"), () => drawers.toggle("members"));
  menu.classList.add("only-narrow");
  wire.opener = iconButton("wire", say("wire_show"), () => wire.toggle(), {
    "aria-expanded": String(wire.isOpen),
    "aria-controls": "wire",
  });
  const dm = isDirect(state.channel);
  bar.replaceChildren(
    ...some([
      menu,
      el("span", { class: "hash", "aria-hidden": "true", text: dm ? "@" : "#" }),
      el("h2", { text: channelName(state.channel).slice(1) }),
      state.channel?.topic && el("span", { class: "topic note", text: state.channel.topic }),
      el("span", { class: "grow" }),
      languageButton(bar),
      wire.opener,
      themeButton(),
      people,
    ]),
  );
  drawers.openers = { side: menu, members: people };
  drawers.tell();
}

/** The two sides: beside the messages where there is room, over them where there is none. */
export class Drawers {
  openers = {};
  #narrow = matchMedia("(max-width: 1023px)");

  constructor(side, members, shade) {
    this.panels = { side, members };
    this.shade = shade;
    shade.addEventListener("click", () => this.close());
    this.#narrow.addEventListener("change", () => this.close());
  }

  #isOpen(name) {
    if (name === "members" && !this.#narrow.matches)
      return !document.body.classList.contains("alone");
    return this.panels[name].classList.contains("open");
  }

  toggle(name) {
    if (name === "members" && !this.#narrow.matches) document.body.classList.toggle("alone");
    else {
      const open = !this.#isOpen(name);
      this.close();
      this.panels[name].classList.toggle("open", open);
      this.shade.hidden = !open;
      if (open) this.panels[name].querySelector("button, select")?.focus();
    }
    this.tell();
  }

  close() {
    const open = Object.entries(this.panels).find(([, panel]) => panel.classList.contains("open"));
    if (!open) return;
    open[1].classList.remove("open");
    this.shade.hidden = true;
    if (open[1].contains(document.activeElement)) this.openers[open[0]]?.focus();
    this.tell();
  }

  tell() {
    for (const [name, button] of Object.entries(this.openers)) {
      button.setAttribute("aria-expanded", String(this.#isOpen(name)));
      button.setAttribute("aria-controls", this.panels[name].id);
    }
  }
}
