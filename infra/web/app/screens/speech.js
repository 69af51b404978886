import { get, post, remove } from "../api.js";
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { ago, clock, number, plural, t } from "../i18n.js";
import { Field, Form, confirmed } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { OPEN, Progress, State, useJob, useJobs } from "../parts/job.js";
import { Empty, Failed, Loading, Pages, useLoad } from "../parts/load.js";
import { sayError } from "../parts/toast.js";
import { go } from "../router.js";

const FORMATS = ["mp3", "opus", "aac", "flac", "wav", "pcm"];

const titleOf = (text) => text.trim().split(/\s*\n/)[0].slice(0, 80);

export default function Speech({ rest: [open] }) {
  return open ? html`<${Spoken} key=${open} id=${open} />` : html`<${New} />`;
}

function New() {
  const pages = useJobs("/v1/speech", "speech");
  const voices = useLoad((aborted) => get("/v1/voices", {}, { signal: aborted }), []);
  const [voice, setVoice] = useState("");
  const [text, setText] = useState(sessionStorage.getItem("antiphon.speech") ?? "");
  const write = ({ target }) => {
    setText(target.value);
    sessionStorage.setItem("antiphon.speech", target.value);
  };
  const submit = ({ format, speed }) => post("/v1/speech", { input: text, title: titleOf(text), format, speed: Number(speed), ...(voice ? { voice } : {}) });
  const done = (job) => {
    sessionStorage.removeItem("antiphon.speech");
    go(`/speech/${job.id}`);
  };
  return html`<div class="page">
    <header><h1>${t("Speech")}</h1></header>
    <div class="card">
      <${Form} submit=${submit} onDone=${done} button=${t("Speak")}>
        <${Field} label=${t("Text")} hint=${plural(text.length, "{count} character", "{count} characters")}>
          <textarea required rows="6" dir="auto" value=${text} onInput=${write} placeholder=${t("Write or paste what is to be spoken")}></textarea>
        <//>
        <div class="columns">
          <${Field} label=${t("Format")}><select name="format">${FORMATS.map((each) => html`<option value=${each}>${each}</option>`)}</select><//>
          <${Speed} />
          <${Field} label=${t("Voice")} hint=${t("Mix with weights: first(2)+second(1)")}>
            <input value=${voice} maxlength="200" dir="ltr" placeholder=${voices.data?.data[0]?.id ?? ""} onInput=${(event) => setVoice(event.target.value.trim())} />
          <//>
        </div>
      <//>
    </div>
    <${Gallery} of=${voices} chosen=${voice} choose=${setVoice} />
    <h2>${t("Spoken so far")}</h2>
    <${Pages}
      of=${pages}
      label=${t("Spoken so far")}
      draw=${(job) => html`<a class="row" href="/speech/${job.id}">
        <div class="grow">
          <strong dir="auto">${job.title || job.id}</strong>
          <span class="small">${[ago(job.created_at), job.voice, job.format, job.duration && clock(job.duration)].filter(Boolean).join(" · ")}</span>
        </div>
        <${State} of=${job} />
      </a>`}
      empty=${html`<${Empty} icon="speech" title=${t("Nothing is spoken yet")}>${t("Write something above and listen.")}<//>`}
    />
  </div>`;
}

function Speed() {
  const [speed, setSpeed] = useState(1);
  return html`<${Field} label=${t("Speed {factor}", { factor: number(speed, { minimumFractionDigits: 2 }) })}>
    <input name="speed" type="range" min="0.25" max="4" step="0.05" value=${speed} onInput=${(event) => setSpeed(Number(event.target.value))} />
  <//>`;
}

function Gallery({ of, chosen, choose }) {
  const [language, setLanguage] = useState("");
  const playing = useRef(null);
  const languages = useMemo(() => [...new Set((of.data?.data ?? []).map((voice) => voice.language))].sort(), [of.data]);
  useEffect(() => () => playing.current?.pause(), []);
  const listen = async (voice) => {
    try {
      const { audio_url: sample } = await get(voice.sample_url);
      playing.current?.pause();
      playing.current = new Audio(sample);
      await playing.current.play();
    } catch (error) {
      sayError(error);
    }
  };
  if (of.error) return html`<${Failed} error=${of.error} again=${of.reload} />`;
  if (!of.data) return html`<${Loading} />`;
  return html`<section aria-labelledby="gallery">
    <div class="head">
      <h2 id="gallery">${t("Voices")}</h2>
      <select aria-label=${t("Language")} value=${language} onChange=${(event) => setLanguage(event.target.value)}>
        <option value="">${t("All languages")}</option>
        ${languages.map((each) => html`<option value=${each}>${each}</option>`)}
      </select>
    </div>
    <ul class="tiles rows">
      ${of.data.data
        .filter((voice) => !language || voice.language === language)
        .map(
          (voice) => html`<li class="row" key=${voice.id}>
            <button class="quiet icon-only" aria-label=${t("Listen to {name}", { name: voice.name })} disabled=${!voice.sample_url} onClick=${() => listen(voice)}><${Icon} name="play" /></button>
            <div class="grow">
              <strong dir="auto">${voice.name}</strong>
              <span class="small">${[voice.language, voice.gender, voice.quality].filter(Boolean).join(" · ")}</span>
            </div>
            <button aria-pressed=${chosen === voice.id} onClick=${() => choose(voice.id)}>${chosen === voice.id ? t("Chosen") : t("Choose")}</button>
          </li>`,
        )}
    </ul>
  </section>`;
}

// While it is made, finished sentences play one after another; afterwards the whole.
function Spoken({ id }) {
  const [marks, setMarks] = useState([]);
  const [at, setAt] = useState(-1);
  const player = useRef();
  const { job, error, set, reload } = useJob(`/v1/speech/${id}`, async () => setMarks((await get(`/v1/speech/${id}/marks`)).data));

  const playFrom = (index) => {
    const mark = marks[index];
    if (!mark) return setAt(-1);
    setAt(index);
    if (job.audio_url) player.current.currentTime = mark.start;
    else if (mark.audio_url) player.current.src = mark.audio_url;
    player.current.play().catch(sayError);
  };
  const onTimeUpdate = ({ target }) => {
    if (job.audio_url) setAt(marks.findLastIndex(({ start }) => start <= target.currentTime + 0.01));
  };
  const erase = async () => {
    if (!(await confirmed(t("Delete this speech?"), t("The text and its audio are gone for good."), { yes: t("Delete"), danger: true }))) return;
    remove(`/v1/speech/${id}`).then(() => go("/speech"), sayError);
  };
  const step = (name) => post(`/v1/speech/${id}/${name}`).then((now) => (set(now), reload()), sayError);

  if (error && !job) return html`<div class="page"><${Failed} error=${error} again=${reload} /></div>`;
  if (!job) return html`<${Loading} />`;
  return html`<div class="page">
    <header>
      <h1 dir="auto">${job.title || t("Speech")}</h1>
      <div class="actions">
        <${State} of=${job} />
        ${OPEN.has(job.status) && html`<button onClick=${() => step("cancel")}><${Icon} name="stop" /> ${t("Cancel")}</button>`}
        ${["failed", "canceled"].includes(job.status) && html`<button onClick=${() => step("retry")}><${Icon} name="refresh" /> ${t("Try again")}</button>`}
        ${job.audio_url && html`<a class="button" href=${job.audio_url} download><${Icon} name="download" /> ${t("Download")}</a>`}
        <button class="quiet icon-only" aria-label=${t("Delete")} onClick=${erase}><${Icon} name="trash" /></button>
      </div>
    </header>
    <p class="muted small">${[job.engine, job.voice, job.format, job.duration && clock(job.duration)].filter(Boolean).join(" · ")}</p>
    ${OPEN.has(job.status) && html`<${Progress} job=${job} />`} ${job.error && html`<p class="problem" role="alert" dir="auto">${job.error.detail}</p>`}
    ${job.warnings.map((warning) => html`<p class="small muted" dir="auto"><${Icon} name="warning" /> ${warning}</p>`)}
    <div class="transcript" aria-label=${t("Text")}>
      ${marks.map(
        (mark, index) => html`<div class="segment ${index === at ? "now" : ""}" key=${mark.index}>
          <button class="link time" onClick=${() => playFrom(index)}>${clock(mark.start)}</button>
          <p dir="auto">${mark.text}</p>
        </div>`,
      )}
    </div>
    <div class="player">
      <audio ref=${player} controls preload="metadata" src=${job.audio_url ?? undefined} onTimeUpdate=${onTimeUpdate} onEnded=${() => !job.audio_url && playFrom(at + 1)}></audio>
    </div>
  </div>`;
}
