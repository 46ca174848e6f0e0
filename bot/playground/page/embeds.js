/** Embeds, as cards. */

import { el } from "./dom.js";
import { markdown } from "./markdown.js";
import { loosePictures } from "./pictures.js";
import { moment } from "./words.js";

function title(embed) {
  if (!embed.title) return null;
  const inner = embed.url
    ? el("a", { href: embed.url, rel: "noreferrer noopener", target: "_blank", text: embed.title })
    : embed.title;
  return el("h3", {}, inner);
}

function field({ name, value, inline }) {
  return el(
    "div",
    { class: inline ? "inline" : null },
    el("dt", {}, ...markdown(name)),
    el("dd", {}, ...markdown(value)),
  );
}

function footer(embed) {
  const words = [embed.footer?.text, embed.timestamp && moment(new Date(embed.timestamp))];
  const text = words.filter(Boolean).join(" · ");
  return text && el("footer", { text });
}

const picture = (media, embed, props) =>
  media ? loosePictures([{ media, alt: media.description ?? embed.title ?? "" }], props) : [];

/** @param {object} embed @returns {HTMLElement} */
export function drawEmbed(embed) {
  const colour = embed.color ? `#${embed.color.toString(16).padStart(6, "0")}` : null;
  const fields = embed.fields?.length ? el("dl", {}, ...embed.fields.map(field)) : null;
  const root = el(
    "section",
    { class: "embed" },
    embed.author?.name && el("p", { class: "embed-author", text: embed.author.name }),
    title(embed),
    embed.description && el("div", {}, ...markdown(embed.description)),
    fields,
    ...picture(embed.image, embed),
    ...picture(embed.thumbnail, embed, { "data-thumbnail": "" }),
    footer(embed),
  );
  if (colour) root.style.setProperty("--stripe", colour);
  return root;
}
