import { Offline } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { signal, useSignal } from "../signal.js";
import { Icon } from "./icon.js";
import { inWords } from "./words.js";

const shown = signal([]);
let count = 0;

export function say(text, kind = "done") {
  const id = (count += 1);
  shown.set((all) => [...all.slice(-3), { id, text, kind }]);
  if (kind === "done") setTimeout(() => dismiss(id), 6_000);
}

// For a promise whose failure nobody else shows.
export function sayError(error) {
  if (error.name !== "AbortError") say(inWords(error), "failed");
}

// For what is tried again by itself: that there is no connection is said on top of the page.
export function sayUnlessOffline(error) {
  if (!(error instanceof Offline)) sayError(error);
}

const dismiss = (id) => shown.set((all) => all.filter((toast) => toast.id !== id));

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${useSignal(shown).map(
      ({ id, text, kind }) => html`<div class="toast ${kind}" key=${id}>
        <span dir="auto">${text}</span>
        <button class="quiet icon-only" aria-label=${t("Dismiss")} onClick=${() => dismiss(id)}><${Icon} name="close" /></button>
      </div>`,
    )}
  </div>`;
}
