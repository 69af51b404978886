// What has happened in all accounts together, by hour or by day.
import { get } from "../api.js";
import { html, useState } from "../html.js";
import { clock, moment, number, t } from "../i18n.js";
import { Failed, Loading, useLoad } from "./load.js";

export function Activity() {
  const [per, setPer] = useState("hour");
  const { data, error, reload } = useLoad((aborted) => get("/v1/admin/metrics", { per }, { signal: aborted }), [per]);
  if (error) return html`<${Failed} error=${error} again=${reload} />`;
  if (!data) return html`<${Loading} />`;
  const counts = data.data.flatMap(({ jobs }) => Object.values(jobs));
  const sum = (all, name) => all.reduce((found, each) => found + each[name], 0);
  const heard = data.data.map(({ jobs }) => jobs.transcription).filter(Boolean);
  const [audio, busy] = [sum(heard, "audio_seconds"), sum(heard, "busy_seconds")];
  const tiles = [
    [t("Begun"), number(sum(counts, "accepted"))],
    [t("Done"), number(sum(counts, "succeeded"))],
    [t("Failed"), number(sum(counts, "failed"))],
    [t("Audio transcribed"), clock(audio)],
    [t("Speed of transcription"), busy ? t("{factor} × real time", { factor: number(audio / busy, { maximumFractionDigits: 1 }) }) : "–"],
    [t("Webhooks sent"), number(sum(data.data, "deliveries"))],
    [t("Tokens"), number(sum(data.data, "tokens"))],
  ];
  return html`<select aria-label=${t("Span")} value=${per} onChange=${({ target }) => setPer(target.value)}>
      <option value="hour">${t("The last day")}</option>
      <option value="day">${t("The last 30 days")}</option>
    </select>
    <div class="tiles">${tiles.map(([title, value]) => html`<section class="card"><h2>${title}</h2><p class="figure">${value}</p></section>`)}</div>
    ${data.data.length === 0 && html`<p class="muted">${t("Nothing happened in this time.")}</p>`}
    <ul class="rows" aria-label=${t("Activity")}>
      ${data.data.toReversed().map(
        (span) => html`<li key=${span.at}>
          <div class="row"><div class="grow"><strong>${moment(span.at)}</strong><span class="small">${Object.entries(span.jobs).map(lineOf).join(" · ")}</span></div></div>
        </li>`,
      )}
    </ul>`;
}

const lineOf = ([kind, { succeeded, failed }]) =>
  t("{kind}: {done} done, {failed} failed", { kind, done: number(succeeded), failed: number(failed) });
