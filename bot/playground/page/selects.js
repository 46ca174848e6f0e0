/** Select menus of messages and modals: of words, people, roles and channels. */

import { el } from "./dom.js";
import { channelName, nameOf, state } from "./state.js";
import { say } from "./words.js";

const people = () =>
  [...state.users.values()].map((user) => ({ value: user.id, label: `@${nameOf(user)}` }));
const roles = () =>
  (state.guild?.roles ?? []).map((role) => ({ value: role.id, label: `@${role.name}` }));
const channels = () =>
  state.channels
    .filter((one) => one.type !== "dm")
    .map((channel) => ({ value: channel.id, label: channelName(channel) }));

/** What can be chosen, whatever the kind of menu. */
export function choicesOf(spec) {
  const sources = { 5: people, 6: roles, 7: () => [...people(), ...roles()], 8: channels };
  const chosen = new Set((spec.default_values ?? []).map((one) => one.id));
  if (spec.type in sources) {
    return sources[spec.type]().map((one) => ({ ...one, default: chosen.has(one.value) }));
  }
  return spec.options ?? [];
}

function single(spec, onChange) {
  const label = spec.placeholder || say("select");
  const select = el("select", {
    class: "select",
    "aria-label": label,
    disabled: Boolean(spec.disabled),
  });
  const choices = choicesOf(spec);
  const none = !choices.some((one) => one.default);
  if (none || spec.min_values === 0)
    select.append(el("option", { value: "", text: label, selected: none }));
  for (const one of choices) {
    const text = [one.emoji?.name, one.label].filter(Boolean).join(" ");
    const option = el("option", { value: one.value, text, selected: Boolean(one.default) });
    if (one.description) option.title = one.description;
    select.append(option);
  }
  select.addEventListener("change", () => onChange(select.value ? [select.value] : []));
  return select;
}

function several(spec, onChange) {
  const boxes = choicesOf(spec).map((one) => {
    const box = el("input", { type: "checkbox", value: one.value, checked: Boolean(one.default) });
    const text = el(
      "span",
      {},
      [one.emoji?.name, one.label].filter(Boolean).join(" "),
      one.description && el("span", { class: "note", text: one.description }),
    );
    return el("label", { class: "row" }, box, text);
  });
  const summary = el("summary", { class: "select" });
  const inputs = () => boxes.map((label) => label.querySelector("input"));
  const values = () =>
    inputs()
      .filter((box) => box.checked)
      .map((box) => box.value);
  const tell = () => {
    const count = values().length;
    summary.textContent = count ? say("chosen", { count }) : spec.placeholder || say("select");
    const full = count >= (spec.max_values ?? 1);
    for (const box of inputs()) box.disabled = full && !box.checked;
  };
  const root = el(
    "details",
    { class: "several" },
    summary,
    el("div", { class: "several-list" }, ...boxes),
  );
  let before = values().join();
  root.addEventListener("change", tell);
  root.addEventListener("toggle", () => {
    if (root.open || values().join() === before) return;
    before = values().join();
    onChange(values());
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !root.open) return;
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
