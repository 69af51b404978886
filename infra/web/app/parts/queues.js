// All queues with what waits in them, and the way back for what was given up.
import { get, post } from "../api.js";
import { html, useEffect } from "../html.js";
import { clock, number, t } from "../i18n.js";
import { Icon } from "./icon.js";
import { Failed, Loading, useLoad } from "./load.js";
import { say, sayError } from "./toast.js";

const EVERY = 3_000;

export function Queues({ isLive = true }) {
  const { data, error, reload } = useLoad((aborted) => get("/v1/admin/queues", {}, { signal: aborted }), []);
  useEffect(() => {
    if (!isLive) return undefined;
    const looking = setInterval(() => document.visibilityState === "visible" && reload(), EVERY);
    return () => clearInterval(looking);
  }, [isLive, reload]);
  const redrive = (queue) =>
    post(`/v1/admin/queues/${queue.name}/redrive`).then(({ moved }) => (say(t("{count} are on their way again.", { count: number(moved) })), reload()), sayError);
  if (!data) return error ? html`<${Failed} error=${error} again=${reload} />` : html`<${Loading} />`;
  return html`${error && html`<${Failed} error=${error} again=${reload} />`}
    <ul class="rows" aria-label=${t("Queues")}>
      ${data.data.map(
        (queue) => html`<li key=${queue.name}>
          <div class="row wrap">
            <div class="grow"><strong dir="ltr">${queue.name}</strong><span class="small">${state(queue)}</span></div>
            ${queue.dead_letters > 0 && html`<span class="badge failed">${t("{count} given up", { count: number(queue.dead_letters) })}</span>`}
            ${queue.dead_letters > 0 && queue.name !== "events" && html`<button onClick=${() => redrive(queue)}><${Icon} name="refresh" /> ${t("Bring back")}</button>`}
          </div>
        </li>`,
      )}
    </ul>`;
}

function state(queue) {
  const parts = [t("{count} wait", { count: number(queue.waiting) }), t("{count} at work", { count: number(queue.in_flight) })];
  if (queue.delayed) parts.push(t("{count} later", { count: number(queue.delayed) }));
  if (queue.oldest_seconds !== null) parts.push(t("the oldest for {time}", { time: clock(queue.oldest_seconds) }));
  return parts.join(" · ");
}
