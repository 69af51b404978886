import { html, useState } from "../html.js";
import { t } from "../i18n.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icon.js";
import { sayError } from "./toast.js";

export function Copyable({ text, label }) {
  const [copied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(text).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 2_000);
    }, sayError);
  return html`<div class="copyable">
    <pre tabindex="0" aria-label=${label}>${text}</pre>
    <button onClick=${copy}><${Icon} name=${copied ? "check" : "copy"} /> ${copied ? t("Copied") : t("Copy")}</button>
  </div>`;
}

// Something that is shown this once.
export const Secret = ({ title, secret, onClose, children }) =>
  html`<${Dialog} title=${title} onClose=${onClose} wide>
    <p>${t("Copy it now: it is shown this once.")}</p>
    <${Copyable} text=${secret} label=${title} />
    ${children}
    <footer class="actions"><button class="primary" onClick=${onClose}>${t("I have it")}</button></footer>
  <//>`;
