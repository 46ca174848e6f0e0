/** Reactions under a message, and the small choice of them. */

import { el, iconButton } from "./dom.js";
import { below, openMenu } from "./menu.js";
import { say } from "./words.js";

const OFFERED = ["❌", "✉️", "🔁", "⚠️", "1️⃣", "2️⃣", "3️⃣", "4️⃣", "⭐", "❤️", "👍", "🎨"];

/** @param {(emoji: string, add: boolean) => void} onToggle */
export function drawReactions(reactions, onToggle) {
  const pills = reactions
    .filter((one) => one.count > 0)
    .map(({ emoji, count, me }) => {
      const label = say("reaction", { emoji: emoji.name, count });
      const props = {
        type: "button",
        class: "reaction",
        "aria-pressed": String(Boolean(me)),
        "aria-label": label,
      };
      return el(
        "button",
        { ...props, on: { click: () => onToggle(emoji.name, !me) } },
        el("span", { class: "emoji", text: emoji.name }),
        el("span", { text: String(count) }),
      );
    });
  if (!pills.length) return [];
  const more = iconButton("smile", say("react"), () => offerReactions(below(more), onToggle));
  more.classList.add("reaction", "add");
  return [...pills, more];
}

export function offerReactions(at, onToggle) {
  const entries = OFFERED.map((emoji) => ({
    text: emoji,
    label: say("emoji_of", { emoji }),
    run: () => onToggle(emoji, true),
  }));
  openMenu(at, entries, { label: say("react"), row: true });
}
