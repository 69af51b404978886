import { html, useState } from "../html.js";
import { clock, t } from "../i18n.js";
import { Pages, usePages } from "./load.js";

const address = (hit) =>
  ({
    message: () => `/chat/${hit.conversation_id}#${hit.id}`,
    transcript: () => `/transcripts/${hit.job_id ?? hit.id}?at=${hit.start ?? 0}`,
    document: () => `/documents/${hit.document_id ?? hit.id}?page=${hit.page ?? 1}`,
  })[hit.kind]();

const where = (hit) =>
  ({
    message: () => t("Message"),
    transcript: () => [t("Transcript"), clock(hit.start), hit.speaker].filter(Boolean).join(" · "),
    document: () => `${t("Document")} · ${t("page {page}", { page: hit.page })}`,
  })[hit.kind]();

// What a search found everywhere, with the words that were looked for marked.
export function Hits({ query }) {
  const [mode, setMode] = useState("keyword");
  const pages = usePages("/v1/search", { q: query, mode });
  const numbered = { ...pages, items: pages.items.map((hit, index) => ({ ...hit, address: address(hit), id: `${index}` })) };
  return html`<div class="actions">
      ${["keyword", "semantic"].map(
        (each) => html`<button class="quiet small" aria-pressed=${mode === each} onClick=${() => setMode(each)}>
          ${each === "keyword" ? t("By words") : t("By meaning")}
        </button>`,
      )}
    </div>
    <${Pages}
      of=${numbered}
      label=${t("Results")}
      empty=${html`<p class="muted small empty">${t("Nothing was found.")}</p>`}
      draw=${(hit) => html`<a class="row" href=${hit.address}>
        <span class="small">${where(hit)}</span>
        <span dir="auto">${hit.fragments.map(({ text, match }) => (match ? html`<mark>${text}</mark>` : text))}</span>
      </a>`}
    />`;
}
