import { get, post, remove } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { ago, bytes, clock, number, plural, t } from "../i18n.js";
import { confirmed, Field } from "../parts/dialog.js";
import { DropZone } from "../parts/drop_zone.js";
import { Icon } from "../parts/icon.js";
import { Progress, useJob } from "../parts/job.js";
import { Empty, Failed, Loading, Pages, useLoad, usePages } from "../parts/load.js";
import { OPERATIONS, inWords } from "../parts/operations.js";
import { Sending, useSending } from "../parts/sending.js";
import { sayError } from "../parts/toast.js";
import { inspected, sent } from "../parts/upload.js";
import { Waveform } from "../parts/waveform.js";
import { inWords as errorInWords } from "../parts/words.js";
import { go } from "../router.js";

export default function Editor({ rest: [open] }) {
  return open ? html`<${Recording} key=${open} id=${open} />` : html`<${All} />`;
}

function All() {
  const pages = usePages("/v1/media");
  const begin = async (file, progress, aborted) => {
    const media = await post("/v1/uploads", { filename: file.name, content_type: file.type || "application/octet-stream", size: file.size, purpose: "media" });
    await sent(media, file, progress, aborted);
    return inspected(media.id, aborted);
  };
  const sending = useSending(begin, (media) => pages.set((all) => [media, ...all.filter(({ id }) => id !== media.id)]));
  return html`<div class="page">
    <header><h1>${t("Audio editor")}</h1></header>
    <${DropZone} accept="audio/*,video/*" title=${t("Drop recordings here")} onFiles=${sending.add} />
    <${Sending} of=${sending} />
    <${Pages}
      of=${{ ...pages, items: pages.items.filter(({ purpose }) => purpose === "media") }}
      label=${t("Recordings")}
      draw=${(media) => html`<a class="row" href="/editor/${media.id}">
        <div class="grow">
          <strong dir="auto">${media.filename}</strong>
          <span class="small">${[ago(media.created_at), bytes(media.size), media.facts && clock(media.facts.duration), media.parent_id && t("edited")].filter(Boolean).join(" · ")}</span>
        </div>
      </a>`}
      empty=${html`<${Empty} icon="editor" title=${t("Nothing to edit yet")}>${t("Drop a recording above; the original always stays.")}<//>`}
    />
  </div>`;
}

function Recording({ id }) {
  const { data: media, error, reload } = useLoad((aborted) => get(`/v1/media/${id}`, {}, { signal: aborted }), [id]);
  const versions = usePages(`/v1/media/${id}/edits`);
  const [chosen, setChosen] = useState(null);
  const [at, setAt] = useState(null);
  const [edit, setEdit] = useState(null);
  const player = useRef();

  if (error) return html`<div class="page"><${Failed} error=${error} again=${reload} /></div>`;
  if (!media) return html`<${Loading} />`;
  const { facts } = media;
  const perform = (operations) => post(`/v1/media/${id}/edits`, { operations }).then(setEdit, sayError);
  const listen = () => {
    player.current.currentTime = chosen?.start ?? 0;
    player.current.play().catch(sayError);
  };
  const onTimeUpdate = ({ target }) => {
    setAt(target.currentTime);
    if (chosen && target.currentTime >= chosen.end) target.pause();
  };
  const erase = async () => {
    if (!(await confirmed(t("Delete this recording?"), t("Its other versions stay."), { yes: t("Delete"), danger: true }))) return;
    remove(`/v1/media/${id}`).then(() => go(media.parent_id ? `/editor/${media.parent_id}` : "/editor"), sayError);
  };
  return html`<div class="page">
    <header>
      <h1 dir="auto">${media.filename}</h1>
      <div class="actions">
        ${media.parent_id && html`<a class="button" href="/editor/${media.parent_id}">${t("Undo: back to the version before")}</a>`}
        ${media.url && html`<a class="button" href=${media.url} download><${Icon} name="download" /> ${t("Download")}</a>`}
        <button class="quiet icon-only" aria-label=${t("Delete")} onClick=${erase}><${Icon} name="trash" /></button>
      </div>
    </header>
    ${!facts && html`<p class="problem">${media.error?.detail ?? t("It is still being looked into.")} <button onClick=${reload}>${t("Refresh")}</button></p>`}
    ${facts &&
    html`<p class="muted small">
        ${[facts.container, facts.codec, clock(facts.duration), t("{rate} Hz", { rate: number(facts.sample_rate) }), plural(facts.channels, "{count} channel", "{count} channels"), facts.loudness.lufs !== null && `${number(facts.loudness.lufs, { maximumFractionDigits: 1 })} LUFS`].filter(Boolean).join(" · ")}
      </p>
      <${Waveform} peaks=${media.waveform ?? []} duration=${facts.duration} chosen=${chosen} at=${at} choose=${setChosen} />
      <div class="actions">
        <span class="grow muted" role="status">${chosen ? t("Chosen: {start} to {end}", { start: chosen.start.toFixed(2), end: chosen.end.toFixed(2) }) : t("Drag over the waveform to choose a part.")}</span>
        <button onClick=${listen}><${Icon} name="play" /> ${t("Listen")}</button>
        <button disabled=${!chosen} onClick=${() => perform([{ op: "trim", ...chosen }])}>${t("Keep only this")}</button>
        <button disabled=${!chosen} onClick=${() => perform([{ op: "cut", ...chosen }])}>${t("Cut this out")}</button>
      </div>
      <audio ref=${player} controls preload="metadata" src=${media.url} onTimeUpdate=${onTimeUpdate}></audio>
      <${Command} id=${id} begun=${setEdit} />
      <${Operations} perform=${perform} />`}
    ${edit && html`<${Running} key=${edit.id} edit=${edit} />`}
    ${versions.items.length > 0 &&
    html`<h2>${t("Versions made of it")}</h2>
      <${Pages} of=${versions} label=${t("Versions made of it")} draw=${(each) => html`<a class="row" href="/editor/${each.id}"><strong dir="auto">${each.filename}</strong><span class="small">${ago(each.created_at)}</span></a>`} />`}
  </div>`;
}

// In plain language: first what was understood, then, with a yes, the edit.
function Command({ id, begun }) {
  const [text, setText] = useState("");
  const [understood, setUnderstood] = useState(null);
  const [problem, setProblem] = useState(null);
  const ask = async (confirm) => {
    setProblem(null);
    try {
      const found = await post(`/v1/media/${id}/commands`, { text, confirm });
      if (!confirm) return setUnderstood(found);
      setUnderstood(null);
      setText("");
      begun(found.job);
    } catch (error) {
      setUnderstood(null);
      setProblem(error);
    }
  };
  const onSubmit = (event) => {
    event.preventDefault();
    ask(false);
  };
  return html`<form class="card" onSubmit=${onSubmit}>
    <${Field} label=${t("Say what to do")} hint=${t("For example: drop the first ten seconds and normalise")}>
      <input value=${text} required maxlength="1000" dir="auto" onInput=${(event) => (setText(event.target.value), setUnderstood(null))} />
    <//>
    ${problem && html`<p class="problem" role="alert" dir="auto">${errorInWords(problem)}</p>`}
    ${understood
      ? html`<div aria-live="polite">
          <p>${t("This is what will be done; the original stays:")}</p>
          <ul>${understood.understood.map((sentence) => html`<li dir="auto">${sentence}</li>`)}</ul>
          <p class="muted small">${t("The result will have {time}.", { time: clock(understood.duration) })}</p>
          <div class="actions"><button type="button" onClick=${() => setUnderstood(null)}>${t("Cancel")}</button><button type="button" class="primary" onClick=${() => ask(true)}>${t("Do it")}</button></div>
        </div>`
      : html`<div class="actions"><button class="primary">${t("Understand")}</button></div>`}
  </form>`;
}

function Operations({ perform }) {
  const [chain, setChain] = useState([]);
  const [op, setOp] = useState(OPERATIONS[0]);
  const [values, setValues] = useState({});
  const add = (event) => {
    event.preventDefault();
    setChain((all) => [...all, op.make({ ...op.defaults, ...values })]);
    setValues({});
  };
  const run = () => perform(chain).then(() => setChain([]));
  return html`<form class="card" onSubmit=${add}>
    <h2>${t("Operations")}</h2>
    <div class="columns">
      <${Field} label=${t("Operation")}>
        <select value=${op.name} onChange=${({ target }) => (setOp(OPERATIONS.find(({ name }) => name === target.value)), setValues({}))}>
          ${OPERATIONS.map((each) => html`<option value=${each.name}>${t(each.title)}</option>`)}
        </select>
      <//>
      ${op.fields.map(
        (field) => html`<${Field} label=${t(field.title)} key=${op.name + field.name}>
          ${field.choices
            ? html`<select value=${values[field.name] ?? op.defaults[field.name]} onChange=${({ target }) => setValues({ ...values, [field.name]: target.value })}>${field.choices.map((each) => html`<option value=${each}>${each}</option>`)}</select>`
            : html`<input type="number" required step="any" min=${field.min} max=${field.max} value=${values[field.name] ?? op.defaults[field.name]} onInput=${({ target }) => setValues({ ...values, [field.name]: target.value })} />`}
        <//>`,
      )}
    </div>
    <div class="actions"><button>${t("Add")}</button></div>
    ${chain.length > 0 &&
    html`<ol>
        ${chain.map(
          (each, index) => html`<li key=${index}>
            ${inWords(each)} <button type="button" class="quiet icon-only" aria-label=${t("Remove")} onClick=${() => setChain((all) => all.filter((other) => other !== each))}><${Icon} name="close" /></button>
          </li>`,
        )}
      </ol>
      <div class="actions"><button type="button" class="primary" onClick=${run}>${t("Make a new version")}</button></div>`}
  </form>`;
}

function Running({ edit }) {
  const { job = edit, error, reload } = useJob(`/v1/edits/${edit.id}`);
  useEffect(() => {
    if (job.status === "succeeded") go(`/editor/${job.result_media_id}`);
  }, [job.status]);
  if (error) return html`<${Failed} error=${error} again=${reload} />`;
  if (job.status === "failed") return html`<p class="problem" role="alert" dir="auto">${job.error.detail}</p>`;
  return html`<div class="card" role="status">
    <strong>${t("A new version is made …")}</strong>
    <${Progress} job=${job} />
    <div class="actions"><button onClick=${() => post(`/v1/edits/${edit.id}/cancel`).then(reload, sayError)}>${t("Cancel")}</button></div>
  </div>`;
}
