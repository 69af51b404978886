import { get } from "../api.js";
import { html, useState } from "../html.js";
import { said, t } from "../i18n.js";
import { useLoad } from "./load.js";

const NAMES = { transcription: said("Transcript"), document: said("Document"), image: said("Image"), audio: said("Recording"), speech: said("Spoken answer"), media: said("Media") };
const LINKS = { transcription: "/transcripts/", document: "/documents/" };

// What is attached to a message: a link to where it lives, or the thing itself where it can be heard or seen.
export function MediaPart({ part }) {
  const { type, id } = part;
  if (type === "audio" || type === "media" || type === "image") return html`<${Played} part=${part} />`;
  if (type === "speech") return html`<${Spoken} id=${id} />`;
  const name = t(NAMES[type] ?? type);
  return LINKS[type] ? html`<a class="chip" href="${LINKS[type]}${id}">${name}</a>` : html`<span class="chip">${name}</span>`;
}

function Played({ part }) {
  const item = useLoad((aborted) => get(`/v1/media/${part.id}`, {}, { signal: aborted }), [part.id]);
  const { url, content_type: kind = "", filename } = item.data ?? {};
  if (!url) return html`<span class="chip" dir="auto">${filename ?? t(NAMES[part.type])}</span>`;
  if (kind.startsWith("image/")) return html`<img class="attached" src=${url} alt=${filename ?? ""} loading="lazy" />`;
  return html`<audio controls preload="none" src=${url}></audio>`;
}

function Spoken({ id }) {
  const [failed, setFailed] = useState(false);
  const job = useLoad((aborted) => get(`/v1/speech/${id}`, {}, { signal: aborted }), [id]);
  if (!job.data?.audio_url || failed) return html`<span class="chip">${t("Spoken answer")}</span>`;
  return html`<audio controls preload="none" src=${job.data.audio_url} onError=${() => setFailed(true)}></audio>`;
}
