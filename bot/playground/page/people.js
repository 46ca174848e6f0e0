/** The two sides of the page: channels at the left, members at the right, and who one is. */

import { drawOnce, el, sign } from "./dom.js";
import { channelName, isDirect, nameOf, state } from "./state.js";
import { currentLanguage, say } from "./words.js";

const HUES = [18, 42, 92, 152, 178, 205, 232, 268, 318, 346];

/** A drawn avatar: the bot's is the easel, a person's a letter on their own two colours. */
export function avatar(user, size = "") {
  const holder = el("span", { class: `avatar ${size}`, "aria-hidden": "true" });
  if (user && (user.bot || user.id === state.bot?.id)) {
    holder.classList.add("bot");
    holder.append(sign());
    return holder;
  }
  const seed = [...String(user?.id ?? "0")].reduce(
    (sum, sign) => (sum * 31 + sign.charCodeAt()) % 9973,
    7,
  );
  holder.style.setProperty("--hue", HUES[seed % HUES.length]);
  holder.append([...nameOf(user)][0].toUpperCase());
  return holder;
}

function channelButton(channel, onOpen) {
  const unread = state.unread.get(channel.id) ?? 0;
  const open = channel.id === state.channelId;
  const thread = channel.type === "thread";
  const badge =
    unread &&
    el("span", { class: "badge", "aria-label": say("unread", { count: unread }) }, String(unread));
  const face = channel.type === "dm" ? state.bot : { id: channel.id, username: channel.name };
  const mark = isDirect(channel)
    ? avatar(face, "small")
    : el("span", { class: "hash", "aria-hidden": "true", text: thread ? "↳" : "#" });
  const name = el("span", { class: "grow", text: channelName(channel).slice(1) });
  const props = {
    type: "button",
    class: `row${unread ? " unread" : ""}${thread ? " thread" : ""}`,
    "aria-current": open ? "page" : null,
    data: { key: channel.id },
    on: { click: () => onOpen(channel.id) },
  };
  return el("li", {}, el("button", props, mark, name, badge));
}

let sections = 0;

function section(title, items) {
  const id = `side-${(sections += 1)}`;
  return el(
    "section",
    { "aria-labelledby": id },
    el("h2", { id, text: title }),
    el("ul", {}, ...items),
  );
}

/** Draws the choice between servers into `holder`, where one is in several. */
export function drawGuilds(holder, onGuild) {
  const { guilds, guild } = state;
  const told = [guilds, guild?.id, currentLanguage()];
  drawOnce(holder, told, () => (guilds.length > 1 ? [guildMenu(onGuild)] : []));
}

function guildMenu(onGuild) {
  const select = el("select", { class: "select guild", "aria-label": say("server") });
  for (const { id, name } of state.guilds)
    select.append(el("option", { value: id, text: name, selected: id === state.guild?.id }));
  select.addEventListener("change", async () => {
    await onGuild(select.value);
    select.value = state.guild?.id; // what it still is when that failed
  });
  return select;
}

/** Each channel with its threads behind it. */
function inOrder(channels) {
  const under = (parent) => channels.filter((one) => one.parent_id === parent.id);
  return channels.filter((one) => one.type === "text").flatMap((one) => [one, ...under(one)]);
}

/** Draws the channel list into `holder`. */
export function drawChannels(holder, { onOpen, onDm }) {
  const focused = document.activeElement;
  const key = holder.contains(focused) ? focused.dataset.key : null;
  const { channels, unread, channelId, bot, guild } = state;
  const told = [channels, [...unread], channelId, bot, guild?.id, currentLanguage()];
  drawOnce(holder, told, () => channelParts({ onOpen, onDm }));
  const again = [...holder.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  if (key) (again ?? holder.querySelector("[aria-current]"))?.focus();
}

function channelParts({ onOpen, onDm }) {
  const texts = inOrder(state.channels.filter((one) => !isDirect(one)));
  const dms = state.channels.filter(isDirect);
  const begin = el(
    "button",
    { type: "button", class: "row", data: { key: "dm" }, on: { click: onDm } },
    avatar(state.bot, "small"),
    el("span", { class: "grow", text: nameOf(state.bot) }),
  );
  const draw = (list) => list.map((one) => channelButton(one, onOpen));
  const begun = dms.some((one) => one.type === "dm");
  return [
    section(say("channels"), draw(texts)),
    section(say("dms"), [...(begun ? [] : [el("li", {}, begin)]), ...draw(dms)]),
  ];
}

function member(user, note, lit) {
  const dot = el("span", { class: `dot${lit ? " lit" : ""}` });
  const label = el(
    "span",
    { class: "grow" },
    el("span", { class: "name", text: nameOf(user) }),
    note && el("span", { class: "note", text: note }),
  );
  const presence = el("span", { class: "hidden-text", text: lit ? say("online") : say("offline") });
  return el(
    "li",
    { class: "row" },
    el("span", { class: "seat" }, avatar(user, "small"), dot),
    label,
    presence,
  );
}

/** A person's roles, and the server's owner named as such. */
function roleNote(user) {
  const mine = state.members.get(user.id)?.roles ?? [];
  const names = (state.guild?.roles ?? [])
    .filter((role) => mine.includes(role.id))
    .map((role) => role.name);
  if (state.guild?.owner_id === user.id) names.push(say("owner"));
  return names.join(", ");
}

/** Draws the member list into `holder`. */
export function drawMembers(holder) {
  const isHere = (user) => !user.bot && (!isDirect(state.channel) || user.id === state.me?.id);
  const people = [...state.users.values()].filter(isHere);
  const parts = [];
  if (state.bot) {
    const note = state.online ? state.status : say("offline");
    parts.push(section(say("apps"), [member(state.bot, note, state.online)]));
  }
  const seats = people.map((user) => member(user, roleNote(user), user.id === state.me?.id));
  parts.push(section(`${say("members")} — ${people.length}`, seats));
  holder.replaceChildren(...parts);
}

/** Draws the card of the person one is, with the switch to be another. */
export function drawMe(holder, onBecome) {
  const people = [...state.users.values()]
    .filter((user) => !user.bot && user.id !== state.bot?.id)
    .map((user) => [user.username, nameOf(user)]);
  const focused = holder.contains(document.activeElement);
  drawOnce(holder, [state.me, people, currentLanguage()], () => meCard(people, onBecome));
  if (focused) holder.querySelector("select").focus();
}

function meCard(people, onBecome) {
  const select = el("select", { "aria-label": say("whoami"), title: say("whoami"), id: "whoami" });
  for (const [value, text] of people)
    select.append(el("option", { value, text, selected: value === state.me?.username }));
  select.addEventListener("change", () => onBecome(select.value));
  const label = el(
    "label",
    { class: "grow" },
    el("span", { class: "note", text: say("whoami"), "aria-hidden": "true" }),
    select,
  );
  return [avatar(state.me), label];
}
