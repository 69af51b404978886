import { get } from "../api.js";
import { html } from "../html.js";
import { bytes, clock, moment, number, said, t } from "../i18n.js";
import { Failed, Loading, useLoad } from "../parts/load.js";

const ROWS = [
  ["audio_seconds", said("Audio transcribed"), clock],
  ["characters", said("Characters spoken"), number],
  ["tokens", said("Tokens of models"), number],
  ["storage_bytes", said("Storage"), bytes],
  ["open_jobs", said("Open jobs"), number],
];

export default function Usage() {
  const { data: usage, error, reload } = useLoad((aborted) => get("/v1/me/usage", {}, { signal: aborted }), []);
  if (error) return html`<div class="page"><${Failed} error=${error} again=${reload} /></div>`;
  if (!usage) return html`<${Loading} />`;
  return html`<div class="page">
    <header><h1>${t("Usage")}</h1><span class="badge">${usage.tier}</span></header>
    <p class="muted">${t("This month, until {when}", { when: moment(usage.resets_at) })}</p>
    <div class="tiles">
      ${ROWS.map(([name, title, show]) => {
        const limit = usage.limits[name];
        return html`<section class="card" key=${name}>
          <h2>${t(title)}</h2>
          <p><span class="figure">${show(usage[name])}</span> <span class="muted">${t("of {limit}", { limit: show(limit) })}</span></p>
          <progress max=${limit || 1} value=${Math.min(usage[name], limit || 1)} aria-label=${t(title)}></progress>
        </section>`;
      })}
    </div>
    <section class="card">
      <h2>${t("Limits")}</h2>
      <p>${t("{count} requests a minute", { count: number(usage.limits.requests_per_minute) })}</p>
      <p>${t("{size} in one upload", { size: bytes(usage.limits.upload_bytes) })}</p>
    </section>
  </div>`;
}
