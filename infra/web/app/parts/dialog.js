// The browser's own <dialog>: it keeps the focus inside, closes with Escape and gives the focus back.
import { html, useEffect, useRef, useState } from "../html.js";
import { t } from "../i18n.js";
import { signal, useSignal } from "../signal.js";
import { Icon } from "./icon.js";
import { inWords } from "./words.js";

export function Dialog({ title, onClose, children, wide = false, closable = true }) {
  const own = useRef();
  useEffect(() => {
    own.current.showModal();
    return () => own.current?.close();
  }, []);
  const onCancel = (event) => {
    event.preventDefault();
    if (closable) onClose();
  };
  return html`<dialog ref=${own} class=${wide ? "wide" : ""} aria-labelledby="dialog-title" onCancel=${onCancel}>
    <header>
      <h2 id="dialog-title">${title}</h2>
      ${closable &&
      html`<button class="quiet icon-only" aria-label=${t("Close")} onClick=${onClose}><${Icon} name="close" /></button>`}
    </header>
    ${children}
  </dialog>`;
}

const question = signal(null);

// Whether the person said yes. danger: it cannot be undone.
export function confirmed(title, text, { yes = t("Yes"), danger = false } = {}) {
  return new Promise((resolve) => question.set({ title, text, yes, danger, resolve }));
}

export function Question() {
  const asked = useSignal(question);
  if (!asked) return null;
  const answer = (value) => () => {
    question.set(null);
    asked.resolve(value);
  };
  return html`<${Dialog} title=${asked.title} onClose=${answer(false)}>
    <p dir="auto">${asked.text}</p>
    <footer class="actions">
      <button onClick=${answer(false)}>${t("Cancel")}</button>
      <button class=${asked.danger ? "danger" : "primary"} onClick=${answer(true)}>${asked.yes}</button>
    </footer>
  <//>`;
}

// A form that shows its own errors: whole ones on top, those of a field beside it. submit(values) may throw.
export function Form({ submit, button, children, onDone = () => {}, busyText }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const onSubmit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const form = event.target;
      const values = Object.fromEntries(new FormData(form));
      onDone(await submit(values, form));
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return html`<form onSubmit=${onSubmit} aria-busy=${busy}>
    ${error && html`<p class="problem" role="alert" dir="auto">${inWords(error)}</p>`} ${children}
    <footer class="actions"><button class="primary" disabled=${busy}>${busy ? (busyText ?? t("One moment …")) : button}</button></footer>
  </form>`;
}

export const Field = ({ label, hint, children }) =>
  html`<div class="field"><label><span>${label}</span>${children}</label>${hint && html`<small>${hint}</small>`}</div>`;
