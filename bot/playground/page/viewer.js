/** A picture over the whole window: zoom, pan, download, its description and its parameters. */

import { near } from "./api.js";
import { el, iconButton, removeOnceClosed } from "./dom.js";
import { parametersOf } from "./parameters.js";
import { say } from "./words.js";

const MOST = 8;

class Viewer {
  #scale = 1;
  #x = 0;
  #y = 0;
  #drag = null;

  /** @param {object[]} files @param {number} index @param {HTMLElement} opener is focused after */
  constructor(files, index, opener) {
    this.files = files;
    this.img = el("img", { draggable: "false" });
    this.stage = el("div", { class: "stage" }, this.img);
    this.caption = el("p", { class: "caption" });
    this.details = el("dl", { class: "parameters" });
    this.save = el("a", { class: "icon-button wide" });
    this.root = el(
      "dialog",
      { class: "viewer", "aria-label": say("viewer") },
      this.#bar(),
      this.stage,
      el("footer", {}, this.caption, this.details),
    );
    this.#listen();
    removeOnceClosed(this.root, opener);
    document.body.append(this.root);
    this.root.showModal();
    this.show(index);
  }

  #bar() {
    const many = this.files.length > 1;
    const step = (by) => () => this.show((this.index + by + this.files.length) % this.files.length);
    return el(
      "header",
      {},
      many && iconButton("left", say("previous"), step(-1)),
      many && iconButton("right", say("next"), step(1)),
      el("span", { class: "grow" }),
      iconButton("zoomout", say("zoom_out"), () => this.zoom(1 / 1.5)),
      iconButton("zoomin", say("zoom_in"), () => this.zoom(1.5)),
      iconButton("fit", say("fit"), () => this.fit()),
      this.save,
      iconButton("close", say("hide"), () => this.root.close()),
    );
  }

  show(index) {
    this.index = index;
    const file = this.files[index];
    const address = near(file.url);
    this.img.src = address;
    this.img.alt = file.description || file.filename || say("picture");
    this.caption.textContent = file.description || file.filename || "";
    this.save.replaceChildren(say("download"));
    this.save.href = address;
    this.save.download = (file.filename ?? "picture.png").split("/").pop();
    this.details.replaceChildren();
    this.fit();
    this.#tell(address, index);
  }

  async #tell(address, index) {
    const response = await fetch(address).catch(() => null);
    if (!response?.ok) return;
    const told = await parametersOf(await response.arrayBuffer());
    if (this.index !== index || !told) return;
    this.details.replaceChildren(
      el("dt", { text: say("parameters") }),
      el("dd", { text: told }),
    );
  }

  #listen() {
    const { root, stage } = this;
    root.addEventListener("keydown", (event) => this.#key(event));
    stage.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event);
      },
      { passive: false },
    );
    stage.addEventListener("pointerdown", (event) => {
      this.#drag = { x: event.clientX - this.#x, y: event.clientY - this.#y, moved: false };
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => this.#pan(event));
    stage.addEventListener("pointerup", (event) => this.#drop(event));
  }

  #key(event) {
    const by = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 }[event.key];
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) this.zoom(by);
    else if (event.key === "0") this.fit();
    else if (step && this.files.length > 1) {
      this.show((this.index + step + this.files.length) % this.files.length);
    }
  }

  #pan(event) {
    if (!this.#drag) return;
    const x = event.clientX - this.#drag.x;
    const y = event.clientY - this.#drag.y;
    if (Math.hypot(x - this.#x, y - this.#y) > 3) this.#drag.moved = true;
    if (this.#scale === 1 || !this.#drag.moved) return;
    [this.#x, this.#y] = [x, y];
    this.#paint();
  }

  #drop(event) {
    const still = this.#drag && !this.#drag.moved;
    this.#drag = null;
    if (!still) return;
    const box = this.img.getBoundingClientRect();
    const inside =
      event.clientX >= box.left &&
      event.clientX <= box.right &&
      event.clientY >= box.top &&
      event.clientY <= box.bottom;
    if (!inside) this.root.close();
    else if (this.#scale === 1) this.zoom(2, event);
    else this.fit();
  }

  /** Enlarges by `factor` round the pointer, or round the middle. */
  zoom(factor, pointer) {
    const box = this.stage.getBoundingClientRect();
    const next = Math.min(MOST, Math.max(1, this.#scale * factor));
    const px = (pointer?.clientX ?? box.left + box.width / 2) - box.left - box.width / 2;
    const py = (pointer?.clientY ?? box.top + box.height / 2) - box.top - box.height / 2;
    const ratio = next / this.#scale;
    this.#x = px - (px - this.#x) * ratio;
    this.#y = py - (py - this.#y) * ratio;
    this.#scale = next;
    if (next === 1) this.#x = this.#y = 0;
    this.#paint();
  }

  fit() {
    this.#scale = 1;
    this.#x = this.#y = 0;
    this.#paint();
  }

  #paint() {
    this.img.style.transform = `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})`;
    this.root.classList.toggle("zoomed", this.#scale > 1);
  }
}

export function openViewer(files, index, opener) {
  return new Viewer(files, index, opener);
}
