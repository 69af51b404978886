// Addresses are paths: /chat/conv_…; whatever serves the app answers them all with index.html.
import { signal } from "./signal.js";

const here = () => ({ path: location.pathname, query: new URLSearchParams(location.search), hash: location.hash.slice(1) });
export const place = signal(here());

export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  place.set(here());
  document.querySelector("main")?.focus({ preventScroll: true });
}

addEventListener("popstate", () => place.set(here()));

// Links to our own pages change the place without loading the app anew.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.defaultPrevented;
  if (!link || !plain || link.target || link.hasAttribute("download")) return;
  const target = new URL(link.href);
  if (target.origin !== location.origin || target.pathname.startsWith("/v1")) return;
  event.preventDefault();
  go(target.pathname + target.search + target.hash);
});
