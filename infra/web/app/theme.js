import { signal } from "./signal.js";

export const THEMES = ["system", "light", "dark"];
const known = localStorage.getItem("antiphon.theme");
export const theme = signal(THEMES.includes(known) ? known : "system");

export function setTheme(name) {
  if (!THEMES.includes(name)) return;
  localStorage.setItem("antiphon.theme", name);
  theme.set(name);
}

function apply(name) {
  document.documentElement.dataset.theme = name;
}
apply(theme.value);
theme.follow(apply);
