/** Select menus of messages and modals: of words, people, roles and channels. */

import { el, some } from "./dom.js";
import { channelName, nameOf, state } from "./state.js";
import { say } from "./words.js";

const people = () =>
  [...state.users.values()].map((user) => ({ value: user.id, label: `@${nameOf(user)}` }));
const roles = () =>
  (state.guild?.roles ?? []).map((role) => ({ value: role.id, label: `@${role.name}` }));
const CHANNELS = { text: 0, thread: 11 };
const channels = ({ channel_types: kinds }) =>
  state.channels
    .filter((one) => one.type in CHANNELS)
    .filter((one) => !kinds?.length || kinds.includes(CHANNELS[one.type]))
    .map((channel) => ({ value: channel.id, label: channelName(channel) }));

/** What can be chosen, whatever the kind of menu. */
export function choicesOf(spec) {
  const sources = { 5: people, 6: roles, 7: () => [...people(), ...roles()], 8: channels };
  const chosen = new Set((spec.default_values ?? []).map((one) => one.id));
  if (spec.type in sources) {
    return sources[spec.type](spec).map((one) => ({ ...one, default: chosen.has(one.value) }));
  }
  return spec.options ?? [];
}

/** Whether menus may be drawn as the page likes, with more than a line of plain text for each. */
const RICH = CSS.supports("appearance", "base-select");

const inner = ({ emoji, label, description }) => [
  emoji && el("span", { class: "emoji", "aria-hidden": "true", text: emoji.name }),
  el("span", {}, label, description && el("span", { class: "note", text: description })),
];

function choice(one) {
  const option = el("option", { value: one.value, selected: Boolean(one.default) });
  if (RICH) option.append(...some(inner(one)));
  else option.text = [one.emoji?.name, one.label].filter(Boolean).join(" ");
  return option;
}

function single(spec, onChange) {
  const label = spec.placeholder || say("select");
  const select = el(
    "select",
    { class: "select", "aria-label": label, disabled: Boolean(spec.disabled) },
    RICH && el("button", {}, document.createElement("selectedcontent")),
  );
  const choices = choicesOf(spec);
  const none = !choices.some((one) => one.default);
  if (none || spec.min_values === 0)
    select.append(el("option", { value: "", class: "none", text: label, selected: none }));
  select.append(...choices.map(choice));
  select.addEventListener("change", () => onChange(select.value ? [select.value] : []));
  return select;
}

function several(spec, onChange) {
  const label = spec.placeholder || say("select");
  const rows = choicesOf(spec).map((one) => {
    const box = el("input", { type: "checkbox", value: one.value, checked: Boolean(one.default) });
    return el("label", { class: "row" }, box, ...inner(one));
  });
  const boxes = rows.map((row) => row.firstChild);
  const values = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const summary = el("summary", { class: "select", "aria-label": label });
  const tell = () => {
    const names = rows.filter((row) => row.firstChild.checked);
    summary.textContent = names.map((row) => row.lastChild.firstChild.data).join(", ") || label;
    for (const box of boxes) box.disabled = names.length >= (spec.max_values ?? 1) && !box.checked;
  };
  const list = el("div", { class: "several-list", role: "group", "aria-label": label }, ...rows);
  const root = el("details", { class: "several", inert: Boolean(spec.disabled) }, summary, list);
  const outside = ({ target }) => root.contains(target) || (root.open = false);
  let before = values().join();
  root.addEventListener("change", tell);
  root.addEventListener("focusout", ({ relatedTarget: target }) => target && outside({ target }));
  root.addEventListener("toggle", () => {
    const listen = root.open ? document.addEventListener : document.removeEventListener;
    listen.call(document, "pointerdown", outside, true);
    if (root.open || values().join() === before) return;
    before = values().join();
    onChange(values());
  });
  root.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      root.open = true;
      const stops = [summary, ...boxes.filter((box) => !box.disabled)];
      stops.at((stops.indexOf(document.activeElement) + step) % stops.length).focus();
    }
    if (event.key !== "Escape" || !root.open) return;
    event.preventDefault();
    event.stopPropagation();
    root.open = false;
    summary.focus();
  });
  tell();
  root.readValues = values;
  return root;
}

/** A menu in a message: choosing is pressing. */
export function selectMenu(spec, hand) {
  const make = (spec.max_values ?? 1) > 1 ? several : single;
  const node = make(spec, (values) => {
    if (values.length >= (spec.min_values ?? 1)) hand.press(spec, values);
  });
  node.dataset.customId = spec.custom_id;
  if (hand.isPending(spec.custom_id)) node.setAttribute("aria-busy", "true");
  return node;
}

/** A menu in a modal: choosing waits for the submission. @returns {{node, read: () => string[]}} */
export function selectField(spec) {
  if ((spec.max_values ?? 1) > 1) {
    const node = several(spec, () => {});
    return { node, read: () => node.readValues() };
  }
  const node = single(spec, () => {});
  return { node, read: () => (node.value ? [node.value] : []) };
}
