/** A bot's modal: a form over the page, sent as the interaction of type 5. */

import { el, removeOnceClosed } from "./dom.js";
import { markdown } from "./markdown.js";
import { selectField } from "./selects.js";
import { say } from "./words.js";

let count = 0;

function textInput(spec, id) {
  const long = spec.style === 2;
  const node = el(long ? "textarea" : "input", {
    id,
    rows: long ? 4 : null,
    type: long ? null : "text",
    placeholder: spec.placeholder ?? null,
    maxlength: spec.max_length ? String(spec.max_length) : null,
    minlength: spec.min_length ? String(spec.min_length) : null,
    required: spec.required !== false,
  });
  node.value = spec.value ?? "";
  return { node, read: () => node.value };
}

function optionGroup(spec, id, type) {
  const boxes = (spec.options ?? []).map((one) => {
    const box = el("input", { type, name: id, value: one.value, checked: Boolean(one.default) });
    return el(
      "label",
      { class: "row" },
      box,
      el(
        "span",
        {},
        one.label,
        one.description && el("span", { class: "note", text: one.description }),
      ),
    );
  });
  const node = el(
    "div",
    { id, class: "option-group", role: type === "radio" ? "radiogroup" : "group" },
    ...boxes,
  );
  const chosen = () =>
    boxes
      .map((label) => label.firstChild)
      .filter((box) => box.checked)
      .map((box) => box.value);
  return { node, read: () => (type === "radio" ? (chosen()[0] ?? "") : chosen()) };
}

function checkbox(spec, id) {
  const node = el("input", { type: "checkbox", id, checked: Boolean(spec.default) });
  return { node, read: () => node.checked };
}

function upload(spec, id, files) {
  const node = el("input", {
    type: "file",
    id,
    multiple: (spec.max_values ?? 1) > 1,
    required: Boolean(spec.required),
  });
  return { node, read: () => [...node.files].map((file) => ({ file: files.push(file) - 1 })) };
}

function menu(spec, id) {
  const { node, read } = selectField(spec);
  node.id = id;
  return { node, read };
}

const FIELDS = {
  3: menu,
  4: textInput,
  5: menu,
  6: menu,
  7: menu,
  8: menu,
  19: upload,
  23: checkbox,
  21: (spec, id) => optionGroup(spec, id, "radio"),
  22: (spec, id) => optionGroup(spec, id, "checkbox"),
};

class Modal {
  #reads = [];
  #files = [];

  constructor(spec, onSubmit) {
    const id = `modal-${++count}`;
    this.problem = el("p", { class: "problem", role: "alert" });
    this.submit = el("button", { type: "submit", class: "press blue", text: say("submit") });
    const cancel = el("button", { type: "button", class: "press plain", text: say("cancel") });
    const form = el(
      "form",
      { method: "dialog" },
      el("h2", { id, text: spec.title }),
      ...spec.components.map((part) => this.#part(part)),
      this.problem,
      el("div", { class: "modal-buttons" }, cancel, this.submit),
    );
    this.root = el("dialog", { class: "modal", "aria-labelledby": id }, form);
    cancel.addEventListener("click", () => this.root.close());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(onSubmit);
    });
    removeOnceClosed(this.root, document.activeElement);
    document.body.append(this.root);
    this.root.showModal();
    form.querySelector("input, textarea, select")?.focus();
  }

  #part(part) {
    if (part.type === 10) return el("div", {}, ...markdown(part.content));
    const inner = part.type === 18 ? part.component : part.components?.[0];
    const make = inner && FIELDS[inner.type];
    if (!make) return null;
    const id = `field-${++count}`;
    const { node, read } = make(inner, id, this.#files);
    this.#reads.push([inner.custom_id, read]);
    const name = part.label ?? inner.label ?? "";
    const description =
      part.description && el("span", { class: "note", id: `${id}-note`, text: part.description });
    if (description) node.setAttribute("aria-describedby", `${id}-note`);
    node.removeAttribute("aria-label");
    if (node.matches("div, details")) node.setAttribute("aria-label", name);
    const star = node.required && el("span", { class: "star", "aria-hidden": "true", text: " *" });
    return el(
      "div",
      { class: "modal-field" },
      el("label", { for: id }, name, star),
      description,
      node,
    );
  }

  #values() {
    this.#files.length = 0;
    return Object.fromEntries(this.#reads.map(([id, read]) => [id, read()]));
  }

  async #send(onSubmit) {
    this.submit.setAttribute("aria-busy", "true");
    const problem = await onSubmit(this.#values(), [...this.#files]);
    this.submit.removeAttribute("aria-busy");
    if (problem) this.problem.textContent = problem;
    else this.root.close();
  }
}

/**
 * @param {{title: string, custom_id: string, components: object[]}} spec
 * @param {(values: object, files: File[]) => Promise<string|null>} onSubmit
 */
export function openModal(spec, onSubmit) {
  return new Modal(spec, onSubmit);
}
