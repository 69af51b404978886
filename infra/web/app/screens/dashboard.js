import { get } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { ago, clock, number, said, t } from "../i18n.js";
import { JOBS, follow } from "../live.js";
import { State } from "../parts/job.js";
import { Failed, Loading, useLoad } from "../parts/load.js";
import { Queues } from "../parts/queues.js";
import { user } from "../session.js";

const OFTEN = 2_000; // while events come, it is looked at anew so often
const RARELY = 15_000; // whether the parts answer makes no event
const KINDS = [
  ["transcriptions", said("Transcripts"), "/transcripts/"],
  ["speech", said("Speech"), "/speech/"],
  ["documents", said("Documents"), "/documents/"],
];

async function look(aborted) {
  const asked = (path, query) => get(path, query, { signal: aborted });
  const [ready, usage, ...lists] = await Promise.all([
    fetch("/v1/health/ready", { signal: aborted }).then((answer) => answer.json()),
    asked("/v1/me/usage"),
    ...KINDS.map(([kind]) => asked(`/v1/${kind}`, { limit: 50 })),
  ]);
  return { ready, usage, jobs: Object.fromEntries(KINDS.map(([kind], index) => [kind, lists[index].data])) };
}

// look(), as soon as an event comes, and then again at most every OFTEN milliseconds. Gives what ends it.
function onEvents(look) {
  let [later, last] = [0, Date.now()];
  const stop = follow(JOBS, () => {
    if (later) return;
    later = setTimeout(() => {
      [later, last] = [0, Date.now()];
      look();
    }, last + OFTEN - Date.now());
  });
  return () => {
    stop();
    clearTimeout(later);
  };
}

// What is at work, refreshed while one looks at it.
export default function Dashboard() {
  const { data, error, reload } = useLoad(look, []);
  const [isLive, setLive] = useState(true);
  useEffect(() => {
    if (!isLive) return undefined;
    const isSeen = () => document.visibilityState === "visible" && reload();
    const looking = setInterval(isSeen, RARELY);
    const stop = onEvents(isSeen);
    return () => {
      clearInterval(looking);
      stop();
    };
  }, [isLive, reload]);
  if (!data) return error ? html`<div class="page"><${Failed} error=${error} again=${reload} /></div>` : html`<${Loading} />`;
  const all = KINDS.flatMap(([kind, , path]) => data.jobs[kind].map((job) => ({ ...job, path })));
  const count = (status) => all.filter((job) => job.status === status).length;
  const ended = data.jobs.transcriptions.filter(({ status, timings, duration }) => status === "succeeded" && timings.transcribe_ms && duration);
  const seconds = ended.reduce((sum, { duration }) => sum + duration, 0);
  const spent = ended.reduce((sum, { timings }) => sum + timings.transcribe_ms / 1000, 0);
  return html`<div class="page">
    <header>
      <h1>${t("Dashboard")}</h1>
      <label class="check"><input type="checkbox" checked=${isLive} onChange=${({ target }) => setLive(target.checked)} /> ${t("Live")}</label>
    </header>
    ${error && html`<${Failed} error=${error} again=${reload} />`}
    <div class="tiles">
      <${Tile} title=${t("Queued")} value=${number(count("queued"))} />
      <${Tile} title=${t("Working")} value=${number(count("running"))} />
      <${Tile} title=${t("Failed")} value=${number(count("failed"))} />
      <${Tile} title=${t("Speed of transcription")} value=${spent ? t("{factor} × real time", { factor: number(seconds / spent, { maximumFractionDigits: 1 }) }) : "–"} />
      <${Tile} title=${t("Audio this month")} value=${clock(data.usage.audio_seconds)} />
    </div>
    <section class="card">
      <h2>${t("Parts of the service")}</h2>
      <ul class="chips">
        ${Object.entries(data.ready.components).map(
          ([name, state]) => html`<li class="badge ${state === "ok" ? "active" : "failed"}" key=${name}>${name} · ${state === "ok" ? t("works") : t("does not answer")}</li>`,
        )}
      </ul>
    </section>
    ${user.value?.role === "admin" && html`<h2>${t("Queues")}</h2><${Queues} isLive=${isLive} />`}
    <h2>${t("Newest work")}</h2>
    <ul class="rows" aria-label=${t("Newest work")}>
      ${all
        .sort((a, b) => b.created_at.localeCompare(a.created_at))
        .slice(0, 20)
        .map(
          (job) => html`<li key=${job.id}>
            <a class="row" href=${job.path + job.id}><div class="grow"><strong dir="auto">${job.title || job.filename || job.id}</strong><span class="small">${job.kind} · ${ago(job.created_at)}</span></div><${State} of=${job} /></a>
          </li>`,
        )}
    </ul>
  </div>`;
}

const Tile = ({ title, value }) => html`<section class="card"><h2>${title}</h2><p class="figure">${value}</p></section>`;
