/** The card at the beginning of a channel: what this is, and four prompts that can be pressed. */

import { el, icon, sign } from "./dom.js";
import { avatar } from "./people.js";
import { channelName, isDirect, state } from "./state.js";
import { currentLanguage, say } from "./words.js";

/** What the embedded model paints well, in the languages in which it can be told. */
const PROMPTS = {
  en: [
    "a red apple on a beach",
    "a fox in the snow",
    "a blue castle under a starry night sky",
    "a cat in a meadow",
  ],
  zh: ["沙滩上的红苹果", "雪地里的狐狸", "星空下的蓝色城堡", "草地上的猫"],
};

/** @param {(prompt: string) => void} onRun fills the message box and runs it */
export function drawWelcome(onRun) {
  const { channel } = state;
  if (isDirect(channel)) {
    const name = channelName(channel);
    return el(
      "section",
      { class: "welcome dm", "aria-label": name },
      avatar(state.bot, "large"),
      el("h2", { text: name.slice(1) }),
      el("p", { text: say("welcome_dm", { name }) }),
    );
  }
  const prompts = PROMPTS[currentLanguage()].map((prompt) =>
    el(
      "button",
      {
        type: "button",
        class: "prompt",
        "aria-label": `/imagine ${prompt}`,
        on: { click: () => onRun(prompt) },
      },
      el("span", { class: "command", text: "/imagine" }),
      el("span", { class: "grow", text: prompt }),
      icon("right"),
    ),
  );
  return el(
    "section",
    { class: "welcome", "aria-labelledby": "welcome-title" },
    sign(),
    el("h2", { id: "welcome-title", text: say("welcome", { name: channel.name }) }),
    el("p", { text: say("welcome_text") }),
    el("div", { class: "prompts" }, ...prompts),
    el("p", { class: "small-text", text: say("welcome_hint") }),
  );
}
