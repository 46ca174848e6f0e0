/** The message box: plain words, or a command with its options; it decides what is sent. */

import {
  entriesOf,
  inPicker,
  isOffered,
  KIND,
  lineOf,
  mainOption,
  matching,
  readLine,
  readOptions,
} from "./commands.js";
import { el, iconButton } from "./dom.js";
import { drawOffers, makeField, readFields } from "./fields.js";
import { Picker } from "./picker.js";
import { channelName, state } from "./state.js";
import { Tray } from "./tray.js";
import { localised, say } from "./words.js";

const narrow = matchMedia("(max-width: 719px)");

/**
 * @typedef {object} Post what the box does with what is written
 * @property {(text: string, carried: {files: File[], replyTo: string|null}) => Promise<void>} say
 * @property {(entry: object, options: object, files: File[]) => Promise<void>} run
 * @property {(entry: object, options: object, focused: string) => Promise<object[]>} complete
 */
export class Composer {
  /** @type {import("./commands.js").Entry|null} */ #entry = null;
  /** @type {import("./fields.js").Field[]} */ #fields = [];
  #main = null;
  #waiting = null;
  #last = "";

  /** @param {HTMLFormElement} form @param {Post} post */
  constructor(form, post) {
    Object.assign(this, { form, post });
    this.box = form.querySelector("textarea");
    this.line = form.querySelector(".line");
    this.chips = form.querySelector(".chips");
    this.offers = form.querySelector(".offers");
    this.hint = form.querySelector(".hint-line");
    this.buttons = form.querySelector(".send-buttons");
    this.picker = new Picker(form.querySelector(".picker"));
    this.tray = new Tray(form.querySelector(".tray"), () => this.#hintFiles());
    this.file = el("input", { type: "file", multiple: true, hidden: true });
    this.file.addEventListener("change", () => this.attach([...this.file.files]));
    form.append(this.file);
    this.#listen();
    this.draw();
  }

  get entries() {
    const { channel } = state;
    const bits = state.permissions[channel?.id];
    return entriesOf(state.commands.filter((one) => channel && isOffered(one, channel, bits)));
  }

  /** Texts that depend on the language, the channel or the command. */
  draw() {
    const name = channelName(state.channel);
    this.box.placeholder = this.#entry
      ? this.#main
        ? localised(this.#main, "description")
        : say("no_option")
      : say(narrow.matches ? "placeholder_short" : "placeholder", { name });
    this.buttons.replaceChildren(
      iconButton("attach", say("attach"), () => this.file.click()),
      iconButton("send", say("send"), () => this.submit(), { class: "icon-button send" }),
    );
    this.#drawOffers();
    this.tray.stayIn(state.channelId);
    this.#grow();
  }

  /** Writes `/imagine` and the prompt into the box and sends it, now or when the bot is here. */
  runLine(line) {
    this.leave();
    this.box.value = line;
    this.#waiting = null;
    if (state.online && this.#enterTyped()) {
      this.submit();
      return;
    }
    this.#waiting = line;
    const [name] = line.slice(1).split(" ");
    this.tell(state.online && state.commands.length ? say("not_here", { name }) : say("waiting"));
    this.#grow();
  }

  /** The commands have changed: what waited for them goes out. */
  commandsCame() {
    if (this.#waiting && this.box.value === this.#waiting) this.runLine(this.#waiting);
    else if (this.#entry && !this.entries.some((one) => one.path === this.#entry.path))
      this.leave();
  }

  get isIdle() {
    return !this.#entry && !this.box.value && this.tray.isEmpty;
  }

  tell(text, wrong = false) {
    this.hint.textContent = text;
    this.hint.classList.toggle("problem", wrong);
  }

  focus() {
    this.box.focus();
  }

  // Commands ----------------------------------------------------------------------------------

  /** @param {import("./commands.js").Entry} entry @param {object} values by option */
  enter(entry, rest = "", values = null) {
    this.picker.hide();
    this.#entry = entry;
    this.#main = mainOption(entry);
    this.#fields = [];
    const chip = el("button", {
      type: "button",
      class: "command-chip",
      title: say("leave_command"),
      text: `/${entry.path}`,
    });
    chip.addEventListener("click", () => this.leave());
    this.chips.replaceChildren(chip);
    for (const option of entry.options) {
      if (option === this.#main) continue;
      if (option.required || values?.[option.name]) this.#add(option, values?.[option.name]);
    }
    if (this.#main)
      this.chips.append(
        el("span", {
          class: "field-name main",
          text: localised(this.#main, "name"),
          "aria-hidden": "true",
        }),
      );
    this.box.value = this.#main ? (values?.[this.#main.name] ?? rest) : "";
    this.box.setAttribute(
      "aria-description",
      this.#main ? `${this.#main.name}: ${localised(this.#main, "description")}` : `/${entry.path}`,
    );
    this.form.classList.add("commanding");
    this.tell(entry.description);
    this.draw();
    if (this.tray.hasFiles && this.#places.length) this.#place(this.tray.takeFiles());
    const open = (field) => field.option.required && field.isEmpty();
    ((!this.#main && this.#fields.find(open)?.input) || this.box).focus();
  }

  /** Back to plain words; the files of a command that was not sent wait for another. */
  leave(sent = false) {
    const files = this.#fields.filter((one) => one.take && !one.isEmpty());
    this.#entry = this.#main = null;
    this.#fields = [];
    if (!sent && files.length) this.tray.add(files.map((one) => one.read().file));
    this.chips.replaceChildren();
    this.box.value = "";
    this.box.removeAttribute("aria-description");
    this.form.classList.remove("commanding");
    this.picker.hide();
    this.#hintFiles();
    this.draw();
    this.box.focus();
  }

  /** Answers a message with the next one. */
  reply(message) {
    if (this.#entry) this.leave();
    this.tray.answer(message);
    this.focus();
  }

  #hintFiles() {
    if (!this.#entry) this.tell(this.tray.hasFiles ? say("files_wait") : "");
  }

  #add(option, text = null) {
    const field = makeField(option, {
      remove: (one) => this.#remove(one),
      complete: (one) => this.#complete(one),
    });
    this.#fields.push(field);
    const before = this.chips.querySelector(".main");
    this.chips.insertBefore(field.root, option.required ? before : null);
    if (!option.required) this.offers.before(field.root);
    if (text && "value" in field.input) field.input.value = text;
    return field;
  }

  #remove(field) {
    this.#fields = this.#fields.filter((one) => one !== field);
    field.root.remove();
    this.draw();
    this.box.focus();
  }

  #drawOffers() {
    const open = (this.#entry?.options ?? []).filter(
      (option) => option !== this.#main && !this.#fields.some((field) => field.option === option),
    );
    drawOffers(this.offers, open, (option) => {
      const field = this.#add(option);
      this.draw();
      field.input.focus();
      if (option.type === KIND.file) field.input.click();
    });
    for (const field of this.form.querySelectorAll(".extra > .field")) {
      if (!this.#fields.some((one) => one.root === field)) field.remove();
    }
  }

  /** Turns a typed `/command ` into the command's chips; true when there was one. */
  #enterTyped(complete = true) {
    if (this.#entry || !this.box.value.startsWith("/")) return false;
    const read = readLine(this.entries, this.box.value);
    if (
      !read ||
      (!complete &&
        this.box.value.trimEnd() === `/${read.name}` &&
        !this.box.value.endsWith(" "))
    )
      return false;
    const values = readOptions(read.entry, read.rest);
    this.enter(read.entry, values ? "" : read.rest, values);
    return true;
  }

  /** A whole command written where another one stands replaces it; one without text takes none. */
  #startOver() {
    const text = this.box.value;
    if (!this.#entry || (this.#main && !readLine(this.entries, text)) || !text.startsWith("/")) {
      if (this.#entry && !this.#main) this.box.value = "";
      return;
    }
    this.leave();
    this.box.value = text;
  }

  #offerCommands() {
    const typed = /^\/([^\n]*)$/.exec(this.box.value);
    if (this.#entry || !typed) {
      this.picker.hide();
      return;
    }
    this.picker.show(
      this.box,
      say("commands"),
      matching(this.entries, typed[1].trim()).map((entry) => ({
        ...inPicker(entry),
        choose: () => this.enter(entry),
      })),
    );
  }

  async #complete(field) {
    if (!this.#fields.includes(field)) return; // sent or left before it was asked
    const text = field.input.value;
    const { options } = this.#read(false);
    for (const { option } of this.#fields) if (option.type === KIND.file) delete options[option.name];
    options[field.option.name] = text;
    const choices = await this.post.complete(this.#entry, options, field.option.name);
    if (document.activeElement !== field.input || field.input.value !== text) return;
    this.picker.show(
      field.input,
      say("choices", { name: localised(field.option, "name") }),
      choices.map((choice) => ({
        title: localised(choice, "name"),
        choose: () => field.pick(choice),
      })),
    );
  }

  // Sending -----------------------------------------------------------------------------------

  /** What is filled in; with `strict`, a sentence on the first thing that is wrong or missing. */
  #read(strict) {
    const main = this.#main && { option: this.#main, input: this.box, root: this.line };
    return readFields(main, this.#fields, strict);
  }

  async submit() {
    this.#enterTyped();
    const text = this.box.value.trim();
    if (!this.#entry) {
      if (text.startsWith("/"))
        this.tell(say("not_here", { name: text.slice(1).split(/\s/)[0] }), true);
      else if (text || this.tray.hasFiles) {
        const carried = this.tray.take();
        this.#write("");
        const problem = await this.post.say(text, carried);
        if (problem && this.isIdle) {
          this.#write(text);
          this.tray.add(carried.files);
        }
        if (problem) this.tell(problem, true);
      }
      return;
    }
    const { options, files, problem, input, root } = this.#read(true);
    if (problem) {
      this.tell(problem, true);
      root.classList.add("wrong");
      input.focus();
      return;
    }
    const entry = this.#entry;
    this.#last = lineOf(entry, options);
    this.leave(true);
    await this.post.run(entry, options, files);
  }

  /** Files that were dropped, pasted or chosen go to the command's places, or with the message. */
  attach(files) {
    this.file.value = "";
    if (!files.length) return;
    if (!this.#entry) this.tray.add(files);
    else if (this.#places.length) this.#place(files);
    else this.tell(say("no_place"), true);
    this.focus();
  }

  get #places() {
    return this.#entry.options.filter((one) => one.type === KIND.file);
  }

  /** Fills the command's places one after the other; what comes after the last replaces it. */
  #place(files) {
    for (const file of files) {
      const fieldOf = (option) => this.#fields.find((one) => one.option === option);
      const free = this.#places.find((option) => fieldOf(option)?.isEmpty() ?? true);
      const option = free ?? this.#places.at(-1);
      const field = fieldOf(option) ?? this.#add(option);
      field.take(file);
      field.root.classList.remove("wrong");
    }
    this.draw();
  }

  // Keys --------------------------------------------------------------------------------------

  #listen() {
    const { box, form } = this;
    box.addEventListener("input", () => {
      this.line.classList.remove("wrong");
      this.#waiting = null;
      this.#startOver();
      if (!this.#enterTyped(false)) this.#offerCommands();
      this.#hintFiles();
      this.#grow();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    form.addEventListener("keydown", (event) => this.#key(event));
    form.addEventListener(
      "focusout",
      (event) => form.contains(event.relatedTarget) || this.picker.hide(),
    );
  }

  #key(event) {
    const exact = event.key === "Enter" && !this.#entry && this.#typedWhole();
    if (event.isComposing || (!exact && this.picker.key(event))) return;
    const inText = event.target === this.box || event.target.matches("input[type=text], select");
    if (event.key === "Enter" && inText && !event.shiftKey) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "ArrowUp" && event.target === this.box && this.isIdle && this.#last) {
      event.preventDefault();
      this.box.value = this.#last;
      this.#enterTyped();
    } else if (event.key === "Escape" && (this.#entry || !this.tray.isEmpty)) {
      event.preventDefault();
      if (this.#entry) this.leave();
      else this.tray.clear();
    } else if (
      event.key === "Backspace" &&
      this.#entry &&
      event.target === this.box &&
      this.box.selectionEnd === 0 &&
      !this.#fields.some((one) => !one.isEmpty())
    ) {
      event.preventDefault();
      const { path } = this.#entry;
      const rest = this.box.value;
      this.leave();
      this.box.value = rest || `/${path}`;
      this.#offerCommands();
    }
  }

  /** Whether a command that takes no options stands in the box, letter by letter. */
  #typedWhole() {
    const typed = this.box.value.trim();
    return this.entries.some(({ path, options }) => typed === `/${path}` && !options.length);
  }

  #write(text) {
    this.box.value = text;
    this.#grow();
  }

  #grow() {
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight, innerHeight / 3)}px`;
  }
}
