import { get, post } from "../api.js";
import { html, useState } from "../html.js";
import { ago, clock, t } from "../i18n.js";
import { Field } from "../parts/dialog.js";
import { DropZone } from "../parts/drop_zone.js";
import { Icon } from "../parts/icon.js";
import { Progress, State, useJobs } from "../parts/job.js";
import { Empty, Pages } from "../parts/load.js";
import { sayNotRecorded, useRecorder } from "../parts/recorder.js";
import { Sending, useSending } from "../parts/sending.js";
import { Transcript } from "../parts/transcript.js";
import { sent } from "../parts/upload.js";

const Row = ({ job }) =>
  html`<a class="row" href="/transcripts/${job.id}">
    <div class="grow">
      <strong dir="auto">${job.title || job.id}</strong>
      <span class="small">${[ago(job.created_at), job.duration && clock(job.duration), job.language].filter(Boolean).join(" · ")}</span>
      ${job.status === "running" && html`<${Progress} job=${job} />`} ${job.error && html`<span class="small" dir="auto">${job.error.detail}</span>`}
    </div>
    <${State} of=${job} />
  </a>`;

export default function Transcripts({ rest: [open] }) {
  return open ? html`<${Transcript} key=${open} id=${open} />` : html`<${All} />`;
}

function All() {
  const [status, setStatus] = useState("");
  const [language, setLanguage] = useState("");
  const [diarize, setDiarize] = useState(false);
  const pages = useJobs("/v1/transcriptions", "transcription", { status });
  const microphone = useRecorder();

  const begin = async (file, progress, aborted) => {
    const job = await post("/v1/transcriptions", {
      filename: file.name || "recording",
      content_type: file.type || "application/octet-stream",
      size: file.size,
      ...(language.trim() ? { language: language.trim() } : {}),
      ...(diarize ? { diarize } : {}),
    });
    await sent(job.upload, file, progress, aborted);
    return get(`/v1/transcriptions/${job.id}`);
  };
  const sending = useSending(begin, pages.put);

  const record = async () => {
    try {
      if (!microphone.recording) return await microphone.start();
      sending.add([await microphone.finish()]);
    } catch (error) {
      sayNotRecorded(error);
    }
  };

  return html`<div class="page">
    <header><h1>${t("Transcripts")}</h1></header>
    <${DropZone} accept="audio/*,video/*" title=${t("Drop recordings here")} onFiles=${sending.add}>
      <button aria-pressed=${microphone.recording} onClick=${record}>
        <${Icon} name=${microphone.recording ? "stop" : "mic"} /> ${microphone.recording ? t("Stop at {time}", { time: clock(microphone.seconds) }) : t("Record")}
      </button>
    <//>
    <div class="columns">
      <${Field} label=${t("Language")} hint=${t("Two letters, such as en or he; empty: find out.")}>
        <input value=${language} maxlength="12" pattern="[A-Za-z]{2,3}(-[A-Za-z0-9]+)*" dir="ltr" onInput=${(event) => setLanguage(event.target.value)} />
      <//>
      <label class="check"><input type="checkbox" checked=${diarize} onChange=${(event) => setDiarize(event.target.checked)} /> ${t("Tell speakers apart")}</label>
      <${Field} label=${t("Show")}>
        <select value=${status} onChange=${(event) => setStatus(event.target.value)}>
          <option value="">${t("All")}</option>
          <option value="running">${t("Working")}</option>
          <option value="succeeded">${t("Done")}</option>
          <option value="failed">${t("Failed")}</option>
        </select>
      <//>
    </div>
    <${Sending} of=${sending} />
    <${Pages}
      of=${pages}
      label=${t("Transcripts")}
      draw=${(job) => html`<${Row} key=${job.id} job=${job} />`}
      empty=${html`<${Empty} icon="transcripts" title=${t("Nothing is transcribed yet")}>${t("Drop a recording or a video above, or record something.")}<//>`}
    />
  </div>`;
}
