/** The part of Discord's markdown the bot speaks, as nodes; never as markup. */

import { el } from "./dom.js";
import { messageAt } from "./links.js";
import { channelName, nameOf, state } from "./state.js";
import { instant } from "./times.js";
import { say } from "./words.js";

const BODY = "((?:\\\\[\\s\\S]|[^\\\\])+?)";
const rule = (source, make) => ({ pattern: new RegExp(source, "y"), make });

const mention = (text) => el("span", { class: "mention", text });

function person(id) {
  const user = state.users.get(id);
  const node = mention(`@${user ? nameOf(user) : id}`);
  if (id === state.me?.id) node.classList.add("to-me");
  return node;
}

function safeLink(address, ...children) {
  const props = { href: address, rel: "noreferrer noopener", target: "_blank" };
  return el("a", props, ...children);
}

/** A link to a message is called by its channel. */
function placeName(address) {
  const place = messageAt(address);
  const channel = place && state.channels.find((one) => one.id === place.channel);
  return channel ? `${channelName(channel)} › 💬` : null;
}

function spoiler(children) {
  const secret = el("span", {}, ...children);
  const node = el("span", { class: "spoiler", role: "button", tabindex: "0" }, secret);
  node.setAttribute("aria-label", say("spoiler"));
  const show = (event) => {
    if (event.type === "keydown" && !["Enter", " "].includes(event.key)) return;
    if (!node.classList.contains("shown")) event.preventDefault();
    node.classList.add("shown");
    for (const name of ["role", "tabindex", "aria-label"]) node.removeAttribute(name);
  };
  node.addEventListener("click", show);
  node.addEventListener("keydown", show);
  return node;
}

const RULES = [
  rule("\\\\([\\\\*_~`|<>#\\[\\]()@:.!-])", ([, sign]) => sign),
  rule("``([\\s\\S]+?)``(?!`)", ([, code]) => el("code", { text: code })),
  rule("`([^`]+)`", ([, code]) => el("code", { text: code })),
  rule(`\\*\\*${BODY}\\*\\*(?!\\*)`, ([, text]) => el("strong", {}, ...inline(text))),
  rule(`__${BODY}__(?!_)`, ([, text]) => el("u", {}, ...inline(text))),
  rule(`\\*(?=[^\\s*])${BODY}\\*(?!\\*)`, ([, text]) => el("em", {}, ...inline(text))),
  rule(`(?<!\\w)_(?=[^\\s_])${BODY}_(?!\\w)`, ([, text]) => el("em", {}, ...inline(text))),
  rule(`~~${BODY}~~`, ([, text]) => el("s", {}, ...inline(text))),
  rule(`\\|\\|${BODY}\\|\\|`, ([, text]) => spoiler(inline(text))),
  rule("(?<![\\w-])--\\w+", ([flag]) => el("span", { class: "whole", text: flag })),
  rule("<@!?(\\d+)>", ([, id]) => person(id)),
  rule("<@&(\\d+)>", ([, id]) => {
    const role = state.guild?.roles?.find((one) => one.id === id);
    return mention(`@${role?.name ?? id}`);
  }),
  rule("<#(\\d+)>", ([, id]) => {
    const channel = state.channels.find((one) => one.id === id);
    return mention(channel ? channelName(channel) : `#${id}`);
  }),
  rule("</([^:>]+):\\d+>", ([, name]) => mention(`/${name}`)),
  rule("<a?:(\\w+):\\d+>", ([, name]) => `:${name}:`),
  rule("<t:(-?\\d{1,12})(?::([tTdDfFR]))?>", ([, seconds, style]) => instant(seconds, style)),
  rule("\\[([^\\]\\n]+)\\]\\(<?(https?://[^\\s)>]+)>?\\)", ([, text, address]) =>
    safeLink(address, ...inline(text)),
  ),
  rule("<(https?://[^\\s>]+)>", ([, address]) => safeLink(address, address)),
  rule("(?<!\\w)https?://[^\\s<]*[^\\s<.,:;!?\"')\\]*_~|]", ([address]) =>
    safeLink(address, placeName(address) ?? address),
  ),
];

/** @param {string} text @returns {(Node|string)[]} */
function inline(text) {
  const out = [];
  let plain = "";
  for (let at = 0; at < text.length;) {
    let found = null;
    for (const { pattern, make } of RULES) {
      pattern.lastIndex = at;
      found = pattern.exec(text);
      if (found) {
        if (plain) out.push(plain);
        plain = "";
        out.push(make(found));
        at += found[0].length;
        break;
      }
    }
    if (!found) plain += text[at++];
  }
  if (plain) out.push(plain);
  return out;
}

const LINES = [
  [/^-# +(.+)/, "small", "small-text"],
  [/^### +(.+)/, "h3", "third"],
  [/^## +(.+)/, "h3", "second"],
  [/^# +(.+)/, "h3", ""],
  [/^> ?(.*)/, "blockquote", ""],
  [/^ *[-*] +(.+)/, "div", "list-item"],
  [/^ *(?=\d+\. +)(.+)/, "div", "list-item numbered"],
];

function block(text) {
  const out = [];
  let run = [];
  const flush = () => {
    if (run.length) out.push(el("div", { class: "text" }, ...inline(run.join("\n"))));
    run = [];
  };
  for (const line of text.split("\n")) {
    const hit = LINES.find(([pattern]) => pattern.test(line));
    if (!hit) {
      run.push(line);
      continue;
    }
    flush();
    out.push(el(hit[1], { class: hit[2] || null }, ...inline(hit[0].exec(line)[1])));
  }
  flush();
  return out;
}

/** @param {string} text what was written @returns {Node[]} */
export function markdown(text) {
  const parts = text.split(/```(?:[\w+-]*\n)?([\s\S]+?)```/);
  return parts.flatMap((part, index) => {
    if (index % 2) return [el("pre", { tabindex: "0" }, el("code", { text: part.trimEnd() }))];
    return part.trim() || parts.length === 1 ? block(part.replace(/^\n|\n$/g, "")) : [];
  });
}

/** The same text for places that take no nodes: names, previews of replies, alternative texts. */
export function plainText(text) {
  const holder = el("div", {}, ...markdown(text ?? ""));
  return holder.textContent.replace(/\s+/g, " ").trim();
}
