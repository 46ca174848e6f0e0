/** The bot's commands as it registered them: which there are, what they take, what is typed. */

import { say, localised } from "./words.js";

export const KIND = {
  sub: 1,
  group: 2,
  string: 3,
  whole: 4,
  flag: 5,
  user: 6,
  channel: 7,
  role: 8,
  mentionable: 9,
  number: 10,
  file: 11,
};
const SLASH = 1;
const ON_MESSAGE = 3;

/**
 * @typedef {{path: string, shown: string, description: string, options: object[], command: object}} Entry
 * one thing that can be run: a command, or a subcommand with its path ("easel config show"), which
 * is shown in the reader's language
 */

function walk(command, node, path, shown) {
  const children = (node.options ?? []).filter(
    (one) => one.type === KIND.sub || one.type === KIND.group,
  );
  if (children.length)
    return children.flatMap((one) =>
      walk(command, one, `${path} ${one.name}`, `${shown} ${localised(one, "name")}`),
    );
  const options = [...(node.options ?? [])].sort(
    (a, b) => Boolean(b.required) - Boolean(a.required),
  );
  return [{ path, shown, description: localised(node, "description"), options, command }];
}

/** Painting comes first, then plain commands, then those with subcommands. */
const place = ({ path }) => (path === "imagine" ? 0 : path.split(" ").length);

const CONTEXTS = { text: 0, thread: 0, dm: 1, group: 2 };

/** Whether somebody with these permissions is offered the command in this channel. */
export function isOffered(command, channel, bits) {
  const where = CONTEXTS[channel.type];
  const adult = where || channel.nsfw;
  if (command.contexts && !command.contexts.includes(where)) return false;
  if (!command.integration_types.some((one) => channel.installs.includes(String(one)))) return false;
  if (command.nsfw && !adult) return false;
  const needed = command.default_member_permissions;
  if (where || needed === null || needed === undefined) return true;
  return (BigInt(bits ?? 0) & BigInt(needed)) === BigInt(needed);
}

/** @param {object[]} commands @returns {Entry[]} */
export function entriesOf(commands) {
  return commands
    .filter((one) => (one.type ?? SLASH) === SLASH)
    .flatMap((one) => walk(one, one, one.name, localised(one, "name")))
    .sort((a, b) => place(a) - place(b) || a.path.localeCompare(b.path));
}

/** How an entry stands in the list over the message box. */
export const inPicker = ({ path, shown, description, options }) => ({
  title: shown === path ? `/${path}` : `/${path} ${shown}`,
  detail: description,
  note: options.map((one) => (one.required ? one.name : `${one.name}?`)).join(" "),
});

export const messageCommands = (commands) => commands.filter((one) => one.type === ON_MESSAGE);

/** The entries that fit what stands after the slash, best first. */
export function matching(entries, typed) {
  const text = typed.toLowerCase();
  const fit = (name) =>
    name.startsWith(text) ? 0 : name.includes(` ${text}`) ? 1 : name.includes(text) ? 2 : 3;
  const rank = ({ path, shown }) => Math.min(fit(path), fit(shown));
  return entries.filter((one) => rank(one) < 3).sort((a, b) => rank(a) - rank(b));
}

/** The entry that a typed line names in full, by which name, and what stands behind it. */
export function readLine(entries, line) {
  const text = line.replace(/^\s*\//, "");
  const hit = entries
    .flatMap((entry) => [entry.path, entry.shown].map((name) => ({ entry, name })))
    .filter(({ name }) => text === name || (text.startsWith(name) && /\s/.test(text[name.length])))
    .sort((a, b) => b.name.length - a.name.length)[0];
  return hit ? { ...hit, rest: text.slice(hit.name.length).replace(/^\s/, "") } : null;
}

/** `name: value` pairs, if the text begins with one; else everything is the main option's. */
export function readOptions(entry, rest) {
  const names = entry.options.map((one) => one.name).join("|");
  if (!names || !new RegExp(`^\\s*(?:${names}):`).test(rest)) return null;
  const values = {};
  const parts = rest.split(new RegExp(`(?:^|\\s)(${names}):\\s?`));
  for (let at = 1; at < parts.length; at += 2) values[parts[at]] = parts[at + 1].trim();
  return values;
}

/** The option that is written in the message box itself: the first free text that is required. */
export function mainOption(entry) {
  const free = (one) => one.type === KIND.string && !one.choices?.length && !one.autocomplete;
  return entry.options.find((one) => free(one) && one.required) ?? null;
}

/** What the option's typed text means, or a sentence on what is wrong with it. */
export function readValue(option, text) {
  const { name } = option;
  if (option.type === KIND.flag) return { value: text === "true" };
  if (option.type !== KIND.whole && option.type !== KIND.number) return { value: text };
  const value = Number(text);
  if (Number.isNaN(value)) return { problem: say("not_number", { name }) };
  if (option.type === KIND.whole && !Number.isInteger(value))
    return { problem: say("not_whole", { name }) };
  const { min_value: least, max_value: most } = option;
  if (least !== undefined && least !== null && value < least)
    return { problem: say("too_small", { name, limit: least }) };
  if (most !== undefined && most !== null && value > most)
    return { problem: say("too_large", { name, limit: most }) };
  return { value };
}

/** A command as one line again, which `readLine` and `readOptions` take; without its files. */
export function lineOf(entry, options) {
  const pairs = Object.entries(options).filter(([, value]) => typeof value !== "object");
  return [`/${entry.path}`, ...pairs.map(([name, value]) => `${name}: ${value}`)].join(" ");
}
