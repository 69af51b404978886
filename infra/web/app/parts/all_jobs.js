// Everybody's jobs, as administrators see them: how they go, not what is in them.
import { html, useState } from "../html.js";
import { ago, moment, t } from "../i18n.js";
import { State, STATES } from "./job.js";
import { Pages, usePages } from "./load.js";

const KINDS = ["transcription", "speech", "document", "edit", "alignment", "diarization", "assignment"];

export function Jobs() {
  const [sought, setSought] = useState({});
  const jobs = usePages("/v1/admin/jobs", sought);
  const seek = (change) => setSought((known) => ({ ...known, ...change }));
  return html`<div class="inline">
      <select aria-label=${t("State")} onChange=${({ target }) => seek({ status: target.value })}>
        <option value="">${t("Any state")}</option>
        ${Object.entries(STATES).map(([name, title]) => html`<option value=${name}>${t(title)}</option>`)}
      </select>
      <select aria-label=${t("Kind")} onChange=${({ target }) => seek({ kind: target.value })}>
        <option value="">${t("Any kind")}</option>
        ${KINDS.map((each) => html`<option value=${each}>${each}</option>`)}
      </select>
      <input aria-label=${t("User")} placeholder="usr_…" dir="ltr" maxlength="64" onChange=${({ target }) => seek({ user_id: target.value.trim() })} />
    </div>
    <${Pages} of=${jobs} label=${t("Jobs")} draw=${(job) => html`<${Job} of=${job} />`} empty=${html`<p class="muted">${t("Nothing fits.")}</p>`} />`;
}

function Job({ of: job }) {
  const facts = [
    [t("User"), job.user_id],
    [t("Lane"), job.lane],
    [t("Attempts"), job.attempts],
    [t("Engine"), job.engine],
    [t("Began"), job.started_at && moment(job.started_at)],
    [t("Ended"), job.finished_at && moment(job.finished_at)],
    [t("Held until"), job.lease?.expires_at && moment(job.lease.expires_at)],
    [t("Error"), job.error && `${job.error.code}: ${job.error.detail}`],
  ].filter(([, value]) => value);
  return html`<details class="row">
    <summary><${State} of=${job} /> <strong>${job.kind}</strong> <bdi class="mono small">${job.id}</bdi> <span class="small muted">${ago(job.created_at)}</span></summary>
    ${facts.map(([name, value]) => html`<div class="small">${name}: <bdi class="mono">${value}</bdi></div>`)}
  </details>`;
}
