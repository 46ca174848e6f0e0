/** Discord's `<t:SECONDS:STYLE>`: a moment in the reader's own words; relative ones keep up. */

import { el } from "./dom.js";
import { dates } from "./words.js";

const STYLES = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
};
const UNITS = [
  ["year", 31556952],
  ["month", 2629746],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

const formats = {};
const format = (language) => (formats[language] ??= new Intl.RelativeTimeFormat(language));

function relative(seconds) {
  const left = seconds - Date.now() / 1000;
  const [unit, size] = UNITS.find(([, one]) => Math.abs(left) >= one) ?? UNITS.at(-1);
  return format(dates()).format(Math.trunc(left / size), unit);
}

/** @param {string} seconds since 1970 @param {string} [style] one of Discord's letters */
export function instant(seconds, style = "f") {
  const date = new Date(Number(seconds) * 1000);
  const full = date.toLocaleString(dates(), STYLES.F);
  const text = style === "R" ? relative(seconds) : date.toLocaleString(dates(), STYLES[style]);
  const node = el("time", { class: "mention", datetime: date.toISOString(), title: full, text });
  if (style === "R") node.dataset.until = seconds;
  return node;
}

setInterval(() => {
  for (const node of document.querySelectorAll("time[data-until]")) {
    const text = relative(node.dataset.until);
    if (node.firstChild.data !== text) node.firstChild.data = text;
  }
}, 1000);
