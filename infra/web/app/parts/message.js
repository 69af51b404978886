import { html, useState } from "../html.js";
import { clock, moment, said, t } from "../i18n.js";
import { Icon } from "./icon.js";
import { Markdown } from "./markdown.js";
import { MediaPart } from "./media_part.js";
import { sayError } from "./toast.js";

const ENDS = { stopped: said("Stopped"), length: said("Cut at the longest answer"), error: said("The model failed half-way") };

const source = ({ kind, id, start, page }) =>
  ({ transcript: `/transcripts/${id}?at=${start ?? 0}`, document: `/documents/${id}?page=${page ?? 1}`, message: `#${id}` })[kind];

const label = ({ kind, start, speaker, page }) =>
  kind === "document" ? t("page {page}", { page }) : kind === "transcript" ? [clock(start), speaker].filter(Boolean).join(" ") : t("Message");

const Citations = ({ of }) =>
  html`<ul class="cites" aria-label=${t("Sources")}>
    ${of.map(
      (each, index) => html`<li key=${index}>
        <a href=${source(each)} title=${each.quote}><b dir="auto">${label(each)}</b><span class="ellipsis" dir="auto">${each.quote}</span></a>
      </li>`,
    )}
  </ul>`;

export function Message({ message, sought }) {
  const [copied, setCopied] = useState(false);
  const { id, role, content, status, parts, citations } = message;
  const copy = () =>
    navigator.clipboard.writeText(content).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 2_000);
    }, sayError);
  return html`<li class="message ${role} ${sought ? "sought" : ""}" id=${id} dir="auto">
    ${role === "user"
      ? html`<div class="bubble" dir="auto">${content}</div>`
      : html`<div class=${status === "streaming" ? "cursor" : ""}><${Markdown} text=${content} /></div>`}
    ${parts.map((part, index) => html`<${MediaPart} key=${index} part=${part} />`)} ${citations.length > 0 && html`<${Citations} of=${citations} />`}
    ${status !== "streaming" &&
    html`<div class="meta">
      ${message.created_at && html`<time datetime=${message.created_at}>${moment(message.created_at)}</time>`}
      ${role === "assistant" && message.model && html`<span>${message.model}</span>`}
      ${status === "incomplete" && html`<span class="badge failed">${t(ENDS[message.finish_reason] ?? said("Incomplete"))}</span>`}
      <button class="quiet" onClick=${copy}><${Icon} name=${copied ? "check" : "copy"} /> ${copied ? t("Copied") : t("Copy")}</button>
    </div>`}
  </li>`;
}
