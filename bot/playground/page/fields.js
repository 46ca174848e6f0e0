/** One option of a command as a chip one can fill in. */

import { el, icon, iconButton } from "./dom.js";
import { KIND, readValue } from "./commands.js";
import { choicesOf } from "./selects.js";
import { localised, say } from "./words.js";

const SELECT_OF = { [KIND.user]: 5, [KIND.role]: 6, [KIND.mentionable]: 7, [KIND.channel]: 8 };
const PATIENCE_MS = 120;

function chooser(option, choices) {
  const select = el("select", {}, el("option", { value: "", text: say("choose") }));
  for (const { label, value } of choices)
    select.append(el("option", { value: String(value), text: label }));
  const byText = new Map(choices.map((one) => [String(one.value), one.value]));
  return {
    input: select,
    read: () => ({ value: byText.get(select.value) }),
    isEmpty: () => select.value === "",
  };
}

function fixedChoices(option) {
  if (option.type === KIND.flag) {
    return [
      { label: say("yes"), value: true },
      { label: say("no"), value: false },
    ];
  }
  if (option.type in SELECT_OF) return choicesOf({ type: SELECT_OF[option.type] });
  return option.choices?.map((one) => ({ label: localised(one, "name"), value: one.value })) ?? [];
}

function writer(option) {
  const numeric = option.type === KIND.whole || option.type === KIND.number;
  const input = el("input", {
    type: "text",
    autocomplete: "off",
    spellcheck: numeric ? "false" : null,
    inputmode: numeric ? "decimal" : null,
    class: numeric ? "short" : null,
    maxlength: option.max_length ? String(option.max_length) : null,
  });
  let chosen = null;
  input.addEventListener("input", () => {
    chosen = null;
  });
  const pick = (choice) => {
    input.value = choice.name;
    chosen = choice;
  };
  const read = () => (chosen ? { value: chosen.value } : readValue(option, input.value.trim()));
  return { input, read, pick, isEmpty: () => input.value.trim() === "" };
}

function filer(option) {
  const input = el("input", { type: "file", hidden: true });
  const face = el("button", { type: "button", class: "file-face" });
  let file = null;
  let address = null;
  const take = (next) => {
    file = next;
    if (address) URL.revokeObjectURL(address);
    address = file ? URL.createObjectURL(file) : null;
    const text = file ? file.name || "picture.png" : say("choose_file");
    face.replaceChildren(
      file?.type.startsWith("image/") ? el("img", { src: address, alt: "" }) : icon("file"),
      text,
    );
    face.setAttribute("aria-description", text);
  };
  input.addEventListener("change", () => input.files[0] && take(input.files[0]));
  face.addEventListener("click", () => input.click());
  take(null);
  return { input: face, extra: input, take, read: () => ({ file }), isEmpty: () => !file };
}

/**
 * @typedef {object} Field
 * @property {object} option @property {HTMLElement} root @property {HTMLElement} input
 * @property {() => {value?: any, file?: File, problem?: string}} read
 * @property {() => boolean} isEmpty @property {(file: File) => void} [take]
 */

/**
 * @param {object} option @param {{remove: (field: Field) => void,
 *   complete: (field: Field) => void}} hooks what the message box does for the field
 * @returns {Field}
 */
export function makeField(option, hooks) {
  const choices = fixedChoices(option);
  const part =
    option.type === KIND.file
      ? filer(option)
      : choices.length
        ? chooser(option, choices)
        : writer(option);
  const name = localised(option, "name");
  part.input.setAttribute("aria-label", name);
  part.input.title = localised(option, "description");
  const remove =
    !option.required &&
    iconButton("close", say("remove_option", { name }), () => hooks.remove(field));
  const root = el(
    "div",
    { class: "field" },
    el("span", { class: "field-name", text: name, "aria-hidden": "true" }),
    part.input,
    part.extra,
    remove,
  );
  const field = { option, root, ...part };
  if (option.autocomplete) {
    let timer;
    const ask = () => {
      clearTimeout(timer);
      timer = setTimeout(() => hooks.complete(field), PATIENCE_MS);
    };
    part.input.addEventListener("input", ask);
    part.input.addEventListener("focus", ask);
  }
  part.input.addEventListener("input", () => root.classList.remove("wrong"));
  return field;
}

/**
 * What the fields hold. With `strict`, the first that is wrong or missing stops the reading.
 * @param {{option: object, input: HTMLTextAreaElement, root: HTMLElement}|null} main
 * @param {Field[]} fields
 * @returns {{options: object, files: File[]} | {problem: string, input, root: HTMLElement}}
 */
export function readFields(main, fields, strict) {
  const options = {};
  const files = [];
  const text = main?.input.value.trim();
  const missing = ({ option, input, root }) => ({
    problem: say("missing", { name: localised(option, "name") }),
    input,
    root,
  });
  if (main && !text && strict) return missing(main);
  if (text) options[main.option.name] = text;
  for (const field of fields) {
    const { option, input, root } = field;
    if (field.isEmpty()) {
      if (option.required && strict) return missing(field);
      continue;
    }
    const told = field.read();
    if (told.problem && strict) return { problem: told.problem, input, root };
    if (told.file) options[option.name] = { file: files.push(told.file) - 1 };
    else if (!told.problem) options[option.name] = told.value;
  }
  return { options, files };
}

/** The options that may still be added, each as a chip. @param {(option: object) => void} onAdd */
export function drawOffers(holder, options, onAdd) {
  const chips = options.map((option) => {
    const name = localised(option, "name");
    const chip = el("button", {
      type: "button",
      class: "offer",
      title: localised(option, "description"),
      "aria-label": say("add_option", { name }),
      text: `+ ${name}`,
    });
    chip.addEventListener("click", () => onAdd(option));
    return chip;
  });
  holder.replaceChildren(...chips);
}
