import { html, useState } from "../html.js";
import { t } from "../i18n.js";
import { Dialog, Form } from "./dialog.js";
import { Pages, usePages } from "./load.js";
import { uploaded } from "./upload.js";

const IMAGES = "image/png,image/jpeg,image/gif,image/webp";
const KINDS = { transcription: "/v1/transcriptions", document: "/v1/documents" };

function Choice({ type, choose }) {
  const pages = usePages(KINDS[type], { status: "succeeded" });
  return html`<${Pages}
    of=${pages}
    label=${type === "document" ? t("Documents") : t("Transcripts")}
    empty=${html`<p class="muted">${t("There is none yet.")}</p>`}
    draw=${(job) => {
      const name = job.title || job.filename || job.id;
      return html`<button class="row quiet" onClick=${() => choose({ type, id: job.id, name })}><strong dir="auto">${name}</strong></button>`;
    }}
  />`;
}

// Something of the person's own, or a new picture or recording, for the next message.
export function Attach({ onChoose, onClose }) {
  const [tab, setTab] = useState("transcription");
  const choose = (part) => {
    onChoose(part);
    onClose();
  };
  const file = async (_, form) => {
    const [chosen] = form.elements.file.files;
    const isImage = chosen.type.startsWith("image/");
    const media = await uploaded(chosen, isImage ? "chat" : "transcription");
    return { type: isImage ? "image" : "audio", id: media.id, name: chosen.name };
  };
  const tabs = { transcription: t("Transcript"), document: t("Document"), file: t("Picture or recording") };
  return html`<${Dialog} title=${t("Attach")} onClose=${onClose}>
    <div class="actions" role="group" aria-label=${t("Kind")}>
      ${Object.entries(tabs).map(([name, shown]) => html`<button class="quiet" aria-pressed=${tab === name} onClick=${() => setTab(name)}>${shown}</button>`)}
    </div>
    ${tab === "file"
      ? html`<${Form} submit=${file} onDone=${choose} button=${t("Attach")} busyText=${t("Uploading …")}>
          <input type="file" name="file" required accept="${IMAGES},audio/*,video/*" aria-label=${t("File")} />
        <//>`
      : html`<${Choice} key=${tab} type=${tab} choose=${choose} />`}
  <//>`;
}
