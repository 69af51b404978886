// The strings of the app. English texts are the keys; strings/he.js holds the Hebrew ones, and a test compares the two.
import { signal } from "./signal.js";
import { hebrew } from "./strings/he.js";

export const LANGUAGES = { en: "English", he: "עברית" };
const RIGHT_TO_LEFT = new Set(["he"]);

const asked = localStorage.getItem("antiphon.language") ?? navigator.language.split("-")[0];
export const language = signal(asked in LANGUAGES ? asked : "en");

export function setLanguage(name) {
  if (!(name in LANGUAGES)) return;
  localStorage.setItem("antiphon.language", name);
  language.set(name);
}

function apply(name) {
  document.documentElement.lang = name;
  document.documentElement.dir = RIGHT_TO_LEFT.has(name) ? "rtl" : "ltr";
}
apply(language.value);
language.follow(apply);

// The text in the language of the app, with {name} replaced by values.name.
export function t(text, values = {}) {
  const found = (language.value === "he" && hebrew[text]) || text;
  return found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// `one` or `many`, whose {count} is the number.
export const plural = (count, one, many) => t(count === 1 ? one : many, { count: number(count) });

// Marks a text that `t` gets later.
export const said = (text) => text;

export const number = (value, options) => new Intl.NumberFormat(language.value, options).format(value);

export const moment = (text) =>
  new Intl.DateTimeFormat(language.value, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

// How long ago, in words.
export function ago(text) {
  const seconds = (Date.parse(text) - Date.now()) / 1000;
  if (Math.abs(seconds) > 7 * 86_400) return moment(text);
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(language.value, { numeric: "auto" }).format(Math.round(seconds / size), unit);
}

// Seconds as m:ss or h:mm:ss.
export function clock(seconds) {
  const whole = Math.floor(seconds ?? 0);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const padded = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
}

export function bytes(count) {
  const [unit, size] = [["gigabyte", 1e9], ["megabyte", 1e6], ["kilobyte", 1e3]].find(([, s]) => count >= s) ?? ["byte", 1];
  const text = number(count / size, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 });
  return `\u2068${text}\u2069`; // kept together in a text of the other direction
}
