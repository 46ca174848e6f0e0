/** What stands before an age-restricted channel until one has said that one is old enough. */

import { el } from "./dom.js";
import { channelName, state } from "./state.js";
import { say } from "./words.js";

const KEPT = "easel.adult";
const passed = new Set(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"));

/** Whether the open channel must not be shown yet. */
export const isShut = () => Boolean(state.channel?.nsfw) && !passed.has(state.channelId);

/** Draws the gate into `holder`, which is hidden where there is none. */
export function drawGate(holder, onPass) {
  holder.hidden = !isShut();
  if (holder.hidden) return;
  const enter = el("button", { type: "button", class: "press blue", text: say("adult_enter") });
  enter.addEventListener("click", () => {
    passed.add(state.channelId);
    sessionStorage.setItem(KEPT, JSON.stringify([...passed]));
    onPass();
  });
  holder.replaceChildren(
    el("h2", { text: say("adult", { name: channelName(state.channel) }) }),
    el("p", { text: say("adult_text") }),
    enter,
  );
}
