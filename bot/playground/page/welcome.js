/** The card at the beginning of a channel: what this is, and four prompts that can be pressed. */

import { el, icon, sign } from "./dom.js";
import { avatar } from "./people.js";
import { channelName, isDirect, state } from "./state.js";
import { currentLanguage, say } from "./words.js";

/** What the embedded model paints well, and what that means in Chinese. */
const PROMPTS = [
  ["a red apple on a beach", "沙滩上的红苹果"],
  ["a fox in the snow", "雪地里的狐狸"],
  ["a blue castle under a starry night sky", "星空下的蓝色城堡"],
  ["a cat in a meadow", "草地上的猫"],
];

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
  const chinese = currentLanguage() === "zh";
  const prompts = PROMPTS.map(([prompt, meaning]) =>
    el(
      "button",
      {
        type: "button",
        class: "prompt",
        "aria-label": chinese ? `${meaning} /imagine ${prompt}` : `/imagine ${prompt}`,
        on: { click: () => onRun(prompt) },
      },
      el("span", { class: "command", text: "/imagine" }),
      el(
        "span",
        { class: "grow" },
        chinese && el("span", { class: "meaning", text: meaning }),
        el("span", { lang: "en", text: prompt }),
      ),
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
    chinese && el("p", { class: "small-text", text: say("prompts_english") }),
    el("p", { class: "small-text", text: say("welcome_hint") }),
  );
}
