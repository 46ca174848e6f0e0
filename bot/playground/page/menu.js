/** Small menus by a point or a button: arrows move, Enter chooses, Escape gives the focus back. */

import { el } from "./dom.js";

let open = null;

export function closeMenu() {
  open?.();
}

function keepInside(box, at) {
  const { width, height } = box.getBoundingClientRect();
  const left = Math.min(at.x, innerWidth - width - 8);
  const lowest = innerHeight - height - 8;
  const over = at.y - height - (at.height ?? 0);
  const top = at.y <= lowest ? at.y : over >= 8 ? over : lowest;
  Object.assign(box.style, { left: `${Math.max(8, left)}px`, top: `${Math.max(8, top)}px` });
}

function move(items, event) {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  const now = items.indexOf(document.activeElement);
  const ends = { Home: 0, End: items.length - 1 };
  if (!step && !(event.key in ends)) return;
  event.preventDefault();
  items[step ? (now + step + items.length) % items.length : ends[event.key]].focus();
}

/** What belongs together, under a title of its own. */
function groupOf({ title }, items) {
  const head = el("div", { class: "menu-title", "aria-hidden": "true", text: title });
  return el("div", { class: "menu-group", role: "group", "aria-label": title }, head, ...items);
}

/**
 * @typedef {{text: string, label?: string, danger?: boolean, run: () => void}} Entry
 * @param {{x: number, y: number, height?: number}} at
 * @param {(Entry | {title: string, entries: Entry[]})[]} entries
 * @param {{label: string, row?: boolean}} look
 */
export function openMenu(at, entries, { label, row = false }) {
  closeMenu();
  const before = document.activeElement;
  const itemOf = ({ text, label: name, danger, run }) => {
    const button = el("button", {
      type: "button",
      role: "menuitem",
      text,
      "aria-label": name ?? text,
    });
    if (danger) button.classList.add("danger");
    button.addEventListener("click", () => {
      close();
      run();
    });
    return button;
  };
  const parts = entries.map((one) =>
    one.entries ? groupOf(one, one.entries.map(itemOf)) : itemOf(one),
  );
  const look = { class: `menu${row ? " in-row" : ""}`, role: "menu", "aria-label": label };
  const box = el("div", look, ...parts);
  const items = [...box.querySelectorAll("[role=menuitem]")];
  const outside = (event) => box.contains(event.target) || close(false);
  function close(giveBack = true) {
    if (open !== close) return;
    open = null;
    box.remove();
    document.removeEventListener("pointerdown", outside, true);
    if (giveBack && before?.isConnected) before.focus({ preventScroll: true });
  }
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else move(items, event);
  });
  box.addEventListener("contextmenu", (event) => event.preventDefault());
  document.addEventListener("pointerdown", outside, true);
  document.querySelector("main").append(box);
  open = close;
  keepInside(box, at);
  items[0]?.focus({ preventScroll: true });
}

/** Where a menu of this button goes: under it, or over it when there is no room. */
export function below(button) {
  const box = button.getBoundingClientRect();
  return { x: box.left, y: box.bottom + 4, height: box.height + 8 };
}
