import { get, post } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { t } from "../i18n.js";
import { news } from "../live.js";
import { Icon } from "./icon.js";
import { sayError, sayUnlessOffline } from "./toast.js";

export const OPEN = new Set(["queued", "running", "waiting"]);

// A run while it works: its steps, what it waits for, and a way to stop it. onEnd(run): it has ended.
export function RunProgress({ run: first, onEnd }) {
  const [run, setRun] = useState(first);
  const followed = async (aborted) => {
    for await (const _ of news(first.id, aborted)) {
      try {
        const now = await get(`/v1/runs/${first.id}`, {}, { signal: aborted });
        setRun(now);
        if (!OPEN.has(now.status)) return onEnd(now);
      } catch (error) {
        sayUnlessOffline(error);
      }
    }
  };
  useEffect(() => {
    const stop = new AbortController();
    followed(stop.signal);
    return () => stop.abort();
  }, [first.id]);
  const stop = () => post(`/v1/runs/${run.id}/cancel`).then(setRun, sayError);
  const calls = run.steps.flatMap((step) => step.calls);
  return html`<div class="run" aria-live="polite">
    <div class="head"><strong>${run.status === "waiting" ? t("Waiting …") : t("Working …")}</strong><button onClick=${stop}><${Icon} name="stop" /> ${t("Stop")}</button></div>
    <progress max="100" value=${run.progress} aria-label=${t("Progress")}></progress>
    ${calls.map(
      (call, index) => html`<div class="small muted" key=${index}>
        <span class="badge ${call.status}">${call.tool}</span> <span dir="auto">${call.result || (call.waits_for ? t("waits for {thing}", { thing: call.waits_for }) : "")}</span>
      </div>`,
    )}
  </div>`;
}
