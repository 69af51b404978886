import { download, get, patch, post, remove } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { clock, plural, t } from "../i18n.js";
import { go, place } from "../router.js";
import { confirmed, Dialog, Field, Form } from "./dialog.js";
import { Icon } from "./icon.js";
import { OPEN, Progress, State, useJob } from "./job.js";
import { Failed, Loading } from "./load.js";
import { say, sayError } from "./toast.js";

const FORMATS = ["txt", "srt", "vtt", "md", "tsv", "aud", "json"];

// A recording as text: it grows while the job runs; a click on a word plays from there.
export function Transcript({ id }) {
  const [segments, setSegments] = useState([]);
  const [at, setAt] = useState(null);
  const [dialog, setDialog] = useState(null);
  const own = useRef({ next: -1, list: [] });
  const player = useRef();

  // All that is new behind the last segment that is there; what diarization changed at the end is read anew.
  const readMore = async (job) => {
    const state = own.current;
    if (!OPEN.has(job.status) && state.status && OPEN.has(state.status)) Object.assign(state, { next: -1, list: [] });
    state.status = job.status;
    for (;;) {
      const page = await get(`/v1/transcriptions/${id}/segments`, { after: state.next, limit: 100 });
      if (!page.data.length) break;
      state.list = [...state.list, ...page.data];
      state.next = page.data.at(-1).index;
      setSegments(state.list);
    }
  };
  const { job, error, set, reload } = useJob(`/v1/transcriptions/${id}`, readMore);

  const seek = (seconds) => {
    setAt(seconds);
    if (!player.current) return;
    player.current.currentTime = seconds;
    player.current.play().catch(() => null); // without a click the browser may refuse to play; the place is set all the same
  };
  const asked = Number(place.value.query.get("at") ?? NaN);
  useEffect(() => {
    if (!Number.isNaN(asked) && segments.length) {
      setAt(asked);
      const found = segments.findLast(({ start }) => start <= asked + 0.01);
      if (found) document.getElementById(`segment-${found.index}`)?.scrollIntoView({ block: "center" });
    }
  }, [asked, Boolean(segments.length)]);

  if (error && !job) return html`<div class="page"><${Failed} error=${error} again=${reload} /></div>`;
  if (!job) return html`<${Loading} />`;

  const change = async (wish) => {
    set(await patch(`/v1/transcriptions/${id}`, wish));
    Object.assign(own.current, { next: -1, list: [] });
    await readMore(job);
    say(t("Saved."));
  };
  const step = (name) => post(`/v1/transcriptions/${id}/${name}`).then((now) => (set(now), reload()), sayError);
  const erase = async () => {
    if (!(await confirmed(t("Delete this transcript?"), t("The recording and its text are gone for good."), { yes: t("Delete"), danger: true }))) return;
    remove(`/v1/transcriptions/${id}`).then(() => go("/transcripts"), sayError);
  };

  return html`<div class="page">
    <header>
      <h1 dir="auto">${job.title || id}</h1>
      <div class="actions">
        <${State} of=${job} />
        ${OPEN.has(job.status) && html`<button onClick=${() => step("cancel")}><${Icon} name="stop" /> ${t("Cancel")}</button>`}
        ${["failed", "canceled"].includes(job.status) && html`<button onClick=${() => step("retry")}><${Icon} name="refresh" /> ${t("Try again")}</button>`}
        ${job.status === "succeeded" && html`<button onClick=${() => setDialog("download")}><${Icon} name="download" /> ${t("Download")}</button>`}
        ${job.status === "succeeded" && html`<button onClick=${() => setDialog("edit")}><${Icon} name="edit" /> ${t("Names")}</button>`}
        <button class="quiet icon-only" aria-label=${t("Delete")} onClick=${erase}><${Icon} name="trash" /></button>
      </div>
    </header>
    <p class="muted small">
      ${[job.engine, job.language, job.duration && clock(job.duration), plural(segments.length, "{count} segment", "{count} segments")].filter(Boolean).join(" · ")}
    </p>
    ${OPEN.has(job.status) && html`<${Progress} job=${job} />`} ${job.error && html`<p class="problem" role="alert" dir="auto">${job.error.detail}</p>`}
    ${job.warnings.map((warning) => html`<p class="small muted" dir="auto"><${Icon} name="warning" /> ${warning}</p>`)}
    <div class="transcript" role="log" aria-label=${t("Transcript")} aria-busy=${OPEN.has(job.status)}>
      ${segments.map((segment) => html`<${Segment} key=${segment.index} segment=${segment} at=${at} seek=${seek} change=${job.status === "succeeded" && change} />`)}
    </div>
    ${job.audio_url &&
    html`<div class="player"><audio ref=${player} controls preload="metadata" src=${job.audio_url} onTimeUpdate=${({ target }) => setAt(target.currentTime)}></audio></div>`}
    ${dialog === "download" &&
    html`<${Dialog} title=${t("Download")} onClose=${() => setDialog(null)}>
      <div class="actions">
        ${FORMATS.map(
          (format) => html`<button onClick=${() => download(`/v1/transcriptions/${id}/transcript`, { format }, `${job.title || id}.${format}`).catch(sayError)}>${format}</button>`,
        )}
      </div>
    <//>`}
    ${dialog === "edit" &&
    html`<${Dialog} title=${t("Names")} onClose=${() => setDialog(null)}>
      <${Form}
        submit=${({ title, ...names }) => change({ title: title.trim() || id, speakers: Object.fromEntries(Object.entries(names).map(([label, name]) => [label, name.trim() || null])) })}
        onDone=${() => setDialog(null)}
        button=${t("Save")}
      >
        <${Field} label=${t("Title")}><input name="title" maxlength="200" dir="auto" defaultValue=${job.title ?? ""} /><//>
        ${Object.entries(job.speakers).map(
          ([label, name]) => html`<${Field} label=${label}><input name=${label} maxlength="100" dir="auto" placeholder=${label} defaultValue=${name ?? ""} /><//>`,
        )}
      <//>
    <//>`}
  </div>`;
}

function Segment({ segment, at, seek, change }) {
  const [editing, setEditing] = useState(false);
  const { index, start, end, text, speaker, words } = segment;
  const now = at !== null && at >= start && at < end;
  const save = async (event) => {
    event.preventDefault();
    const wanted = new FormData(event.target).get("text").trim();
    try {
      if (wanted && wanted !== text) await change({ segments: [{ index, text: wanted }] });
      setEditing(false);
    } catch (error) {
      sayError(error);
    }
  };
  return html`<div class="segment ${now ? "now" : ""}" id="segment-${index}">
    <div>
      <button class="link time" onClick=${() => seek(start)}>${clock(start)}</button>
      ${speaker && html`<div class="who" dir="auto">${speaker}</div>`}
    </div>
    ${editing
      ? html`<form onSubmit=${save}>
          <textarea name="text" rows="3" dir="auto" maxlength="10000" aria-label=${t("Text")} defaultValue=${text}></textarea>
          <div class="actions"><button type="button" onClick=${() => setEditing(false)}>${t("Cancel")}</button><button class="primary">${t("Save")}</button></div>
        </form>`
      : html`<p dir="auto">
          ${words.length && words.map(({ word }) => word).join("").replaceAll(" ", "") === text.replaceAll(" ", "")
            ? words.map(
                (word, place) => html`<span key=${place} class="word ${at !== null && word.start !== null && at >= word.start && at < word.end ? "now" : ""}" onClick=${() => seek(word.start ?? start)}>${word.word}</span> `,
              )
            : text}
          ${change && html`<button class="quiet icon-only" aria-label=${t("Correct this text")} onClick=${() => setEditing(true)}><${Icon} name="edit" /></button>`}
        </p>`}
  </div>`;
}
