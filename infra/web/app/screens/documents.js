import { get, patch, post, remove } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { ago, number, plural, t } from "../i18n.js";
import { confirmed, Dialog, Field, Form } from "../parts/dialog.js";
import { DropZone } from "../parts/drop_zone.js";
import { Icon } from "../parts/icon.js";
import { OPEN, Progress, State, useJob, useJobs } from "../parts/job.js";
import { Empty, Failed, Loading, Pages } from "../parts/load.js";
import { Markdown } from "../parts/markdown.js";
import { Sending, useSending } from "../parts/sending.js";
import { sayError } from "../parts/toast.js";
import { sent } from "../parts/upload.js";
import { go, place } from "../router.js";
import { useSignal } from "../signal.js";

const ACCEPT = ".pdf,.docx,.pptx,.xlsx,.txt,.md,.html,.csv";

export default function Documents({ rest: [open] }) {
  return open ? html`<${Document} key=${open} id=${open} />` : html`<${All} />`;
}

const about = (doc) =>
  [ago(doc.created_at), doc.format, doc.pages && plural(doc.pages, "{count} page", "{count} pages"), doc.words && plural(doc.words, "{count} word", "{count} words")]
    .filter(Boolean)
    .join(" · ");

const Row = ({ doc }) =>
  html`<a class="row" href="/documents/${doc.id}">
    <div class="grow">
      <strong dir="auto">${doc.title || doc.filename || doc.id}</strong>
      <span class="small">${about(doc)}</span>
      ${OPEN.has(doc.status) && html`<${Progress} job=${doc} />`} ${doc.error && html`<span class="small" dir="auto">${doc.error.detail}</span>`}
    </div>
    <${State} of=${doc} />
  </a>`;

function All() {
  const pages = useJobs("/v1/documents", "document");
  const begin = async (file, progress, aborted) => {
    const doc = await post("/v1/documents", { filename: file.name, content_type: file.type || "application/octet-stream", size: file.size });
    await sent(doc.upload, file, progress, aborted);
    return get(`/v1/documents/${doc.id}`);
  };
  const sending = useSending(begin, pages.put);
  return html`<div class="page">
    <header><h1>${t("Documents")}</h1></header>
    <${Question} />
    <${DropZone} accept=${ACCEPT} title=${t("Drop documents here")} onFiles=${sending.add} />
    <${Sending} of=${sending} />
    <${Pages}
      of=${pages}
      label=${t("Documents")}
      draw=${(doc) => html`<${Row} key=${doc.id} doc=${doc} />`}
      empty=${html`<${Empty} icon="documents" title=${t("No documents yet")}>${t("PDF, Word, PowerPoint, Excel, text, Markdown, HTML and CSV.")}<//>`}
    />
  </div>`;
}

// Asks one document, or all; each passage leads to its page.
function Question({ id }) {
  const [answer, setAnswer] = useState(null);
  const ask = ({ question }) => post("/v1/documents/query", { question, ...(id ? { document_ids: [id] } : {}) });
  return html`<div class="card">
    <${Form} submit=${ask} onDone=${setAnswer} button=${t("Ask")} busyText=${t("Reading …")}>
      <${Field} label=${id ? t("Ask this document") : t("Ask your documents")}><input name="question" required maxlength="4000" dir="auto" /><//>
    <//>
    <div aria-live="polite">
      ${answer && !answer.passages.length && html`<p class="muted">${t("Nothing in there fits this question.")}</p>`}
      ${answer?.answer && html`<${Markdown} text=${answer.answer.content} /><p class="small muted">${answer.answer.model}</p>`}
      ${answer?.passages.length > 0 &&
      html`<ul class="rows" aria-label=${t("Sources")}>
        ${answer.passages.map(
          (passage, index) => html`<li key=${index}>
            <a class="row" href="/documents/${passage.document_id}?page=${passage.page}">
              <span class="badge">${t("page {page}", { page: passage.page })}</span><span class="grow small" dir="auto">${passage.text}</span>
            </a>
          </li>`,
        )}
      </ul>`}
    </div>
  </div>`;
}

function Document({ id }) {
  const { job: doc, error, set, reload } = useJob(`/v1/documents/${id}`);
  const [renaming, setRenaming] = useState(false);
  if (error && !doc) return html`<div class="page"><${Failed} error=${error} again=${reload} /></div>`;
  if (!doc) return html`<${Loading} />`;
  const erase = async () => {
    if (!(await confirmed(t("Delete this document?"), t("The file and what was read of it are gone for good."), { yes: t("Delete"), danger: true }))) return;
    remove(`/v1/documents/${id}`).then(() => go("/documents"), sayError);
  };
  return html`<div class="page">
    <header>
      <h1 dir="auto">${doc.title || doc.filename || id}</h1>
      <div class="actions">
        <${State} of=${doc} />
        <button class="quiet icon-only" aria-label=${t("Rename")} onClick=${() => setRenaming(true)}><${Icon} name="edit" /></button>
        <button class="quiet icon-only" aria-label=${t("Delete")} onClick=${erase}><${Icon} name="trash" /></button>
      </div>
    </header>
    <p class="muted small">${about(doc)}</p>
    ${OPEN.has(doc.status) && html`<${Progress} job=${doc} />`} ${doc.error && html`<p class="problem" role="alert" dir="auto">${doc.error.detail}</p>`}
    ${doc.warnings.map((warning) => html`<p class="small muted" dir="auto"><${Icon} name="warning" /> ${warning}</p>`)}
    ${doc.status === "succeeded" && html`<${Question} id=${id} /><${Reader} id=${id} pages=${doc.pages} />`}
    ${renaming &&
    html`<${Dialog} title=${t("Rename")} onClose=${() => setRenaming(false)}>
      <${Form} submit=${({ title }) => patch(`/v1/documents/${id}`, { title })} onDone=${(now) => (set(now), setRenaming(false))} button=${t("Rename")}>
        <${Field} label=${t("Title")}><input name="title" required maxlength="200" dir="auto" defaultValue=${doc.title ?? doc.filename ?? ""} /><//>
      <//>
    <//>`}
  </div>`;
}

function Reader({ id, pages }) {
  const { query } = useSignal(place);
  const page = Math.min(Math.max(1, Number(query.get("page")) || 1), pages || 1);
  const [shown, setShown] = useState(null);
  useEffect(() => {
    const stop = new AbortController();
    setShown(null);
    get(`/v1/documents/${id}/text`, { page }, { signal: stop.signal }).then(
      (found) => setShown(found.data.map(({ text }) => text).join("\n")),
      (error) => error.name !== "AbortError" && setShown(error),
    );
    return () => stop.abort();
  }, [id, page]);
  const turn = (to) => go(`/documents/${id}?page=${to}`, { replace: true });
  return html`<section class="card" aria-label=${t("Text")}>
    <div class="head">
      <button disabled=${page <= 1} onClick=${() => turn(page - 1)}>${t("Previous page")}</button>
      <span>${t("Page {page} of {pages}", { page: number(page), pages: number(pages) })}</span>
      <button disabled=${page >= pages} onClick=${() => turn(page + 1)}>${t("Next page")}</button>
    </div>
    ${shown === null ? html`<${Loading} />` : shown instanceof Error ? html`<${Failed} error=${shown} />` : html`<div class="page-text" dir="auto">${shown}</div>`}
  </section>`;
}
