import { get, patch, post, remove } from "../api.js";
import { html, useState } from "../html.js";
import { ago, moment, number, plural, t } from "../i18n.js";
import { confirmed, Dialog, Field, Form } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, Loading, Pages, useLoad, usePages } from "../parts/load.js";
import { Secret } from "../parts/secret.js";
import { say, sayError } from "../parts/toast.js";
import { go } from "../router.js";

export default function Webhooks({ rest: [open] }) {
  return open ? html`<${One} key=${open} id=${open} />` : html`<${All} />`;
}

const eventsOf = (text) => text.split(/[\s,]+/).filter(Boolean);

const Fields = ({ hook = {} }) =>
  html`<${Field} label=${t("Address")}><input name="url" type="url" required maxlength="2048" dir="ltr" placeholder="https://" defaultValue=${hook.url ?? ""} /><//>
    <${Field} label=${t("Events")} hint=${t("Patterns such as transcription.* or *, separated by spaces.")}>
      <input name="events" required dir="ltr" defaultValue=${hook.events?.join(" ") ?? "*"} />
    <//>
    <${Field} label=${t("Description")}><input name="description" maxlength="500" dir="auto" defaultValue=${hook.description ?? ""} /><//>`;

const read = ({ url, events, description }) => ({ url, events: eventsOf(events), description });
const Activity = ({ hook }) =>
  html`<span class="badge ${hook.active ? "active" : "failed"}">${hook.active ? t("Active") : hook.disabled_reason ? t("Disabled") : t("Paused")}</span>`;

function All() {
  const pages = usePages("/v1/webhooks");
  const [dialog, setDialog] = useState(null);
  const made = (hook) => {
    pages.set((all) => [hook, ...all]);
    setDialog({ secret: hook.secret });
  };
  return html`<div class="page">
    <header>
      <h1>${t("Webhooks")}</h1>
      <button class="primary" onClick=${() => setDialog("new")}><${Icon} name="plus" /> ${t("New webhook")}</button>
    </header>
    <${Pages}
      of=${pages}
      label=${t("Webhooks")}
      draw=${(hook) => html`<a class="row" href="/webhooks/${hook.id}">
        <div class="grow"><strong dir="ltr">${hook.url}</strong><span class="small" dir="auto">${[hook.events.join(" "), hook.description].filter(Boolean).join(" · ")}</span></div>
        <${Activity} hook=${hook} />
      </a>`}
      empty=${html`<${Empty} icon="webhooks" title=${t("No webhooks yet")}>${t("Your server hears of finished work by a signed request.")}<//>`}
    />
    ${dialog === "new" &&
    html`<${Dialog} title=${t("New webhook")} onClose=${() => setDialog(null)}>
      <${Form} submit=${(values) => post("/v1/webhooks", read(values))} onDone=${made} button=${t("Create")}><${Fields} /><//>
    <//>`}
    ${dialog?.secret && html`<${Secret} title=${t("The signing secret")} secret=${dialog.secret} onClose=${() => setDialog(null)} />`}
  </div>`;
}

function One({ id }) {
  const { data: hook, error, reload, set } = useLoad((aborted) => get(`/v1/webhooks/${id}`, {}, { signal: aborted }), [id]);
  const deliveries = usePages(`/v1/webhooks/${id}/deliveries`);
  const [dialog, setDialog] = useState(null);
  if (error) return html`<div class="page"><${Failed} error=${error} again=${reload} /></div>`;
  if (!hook) return html`<${Loading} />`;
  const change = (wish) => patch(`/v1/webhooks/${id}`, wish).then((now) => set(() => now));
  const test = () =>
    post(`/v1/webhooks/${id}/test`).then((made) => {
      deliveries.set((all) => [made, ...all]);
      say(t("A test event is on its way."));
      setTimeout(deliveries.reload, 1_500);
    }, sayError);
  const rotate = async () => {
    if (!(await confirmed(t("Change the secret?"), t("Both secrets sign for 24 hours; then the old one ends."), { yes: t("Change") }))) return;
    post(`/v1/webhooks/${id}/rotate-secret`).then(({ secret }) => setDialog({ secret }), sayError);
  };
  const erase = async () => {
    if (!(await confirmed(t("Delete this webhook?"), t("Deliveries that wait for their next attempt end with it."), { yes: t("Delete"), danger: true }))) return;
    remove(`/v1/webhooks/${id}`).then(() => go("/webhooks"), sayError);
  };
  const again = (delivery) =>
    post(`/v1/deliveries/${delivery.id}/redeliver`).then(() => {
      say(t("It is sent again."));
      setTimeout(deliveries.reload, 1_500);
    }, sayError);
  return html`<div class="page">
    <header>
      <h1 class="ellipsis" dir="ltr">${hook.url}</h1>
      <div class="actions">
        <${Activity} hook=${hook} />
        <button onClick=${test}><${Icon} name="send" /> ${t("Send a test")}</button>
        <button onClick=${() => change({ active: !hook.active }).catch(sayError)}>${hook.active ? t("Pause") : t("Activate")}</button>
        <button onClick=${rotate}><${Icon} name="keys" /> ${t("Change the secret")}</button>
        <button class="quiet icon-only" aria-label=${t("Edit")} onClick=${() => setDialog("edit")}><${Icon} name="edit" /></button>
        <button class="quiet icon-only" aria-label=${t("Delete")} onClick=${erase}><${Icon} name="trash" /></button>
      </div>
    </header>
    ${hook.disabled_reason && html`<p class="problem">${t("It was disabled: {reason}.", { reason: hook.disabled_reason })}</p>`}
    <div class="head"><h2>${t("Deliveries")}</h2><button onClick=${deliveries.reload}><${Icon} name="refresh" /> ${t("Refresh")}</button></div>
    <${Pages}
      of=${deliveries}
      label=${t("Deliveries")}
      draw=${(delivery) => html`<${Delivery} delivery=${delivery} again=${again} />`}
      empty=${html`<p class="muted">${t("Nothing was sent yet.")}</p>`}
    />
    ${dialog === "edit" &&
    html`<${Dialog} title=${t("Edit")} onClose=${() => setDialog(null)}>
      <${Form} submit=${(values) => change(read(values))} onDone=${() => setDialog(null)} button=${t("Save")}><${Fields} hook=${hook} /><//>
    <//>`}
    ${dialog?.secret && html`<${Secret} title=${t("The new signing secret")} secret=${dialog.secret} onClose=${() => setDialog(null)} />`}
  </div>`;
}

const Delivery = ({ delivery, again }) =>
  html`<details class="row">
    <summary class="grow">
      <strong>${delivery.type}</strong>
      <span class="small">${ago(delivery.created_at)} · ${plural(delivery.attempts.length, "{count} attempt", "{count} attempts")}</span>
      <span class="badge ${delivery.status}">${delivery.status}</span>
    </summary>
    <div class="scroll-x">
      <table>
        <thead><tr><th>${t("Time")}</th><th>${t("Answer")}</th><th>${t("Duration")}</th><th>${t("Text")}</th></tr></thead>
        <tbody>
          ${delivery.attempts.map(
            (attempt) => html`<tr key=${attempt.number}>
              <td>${moment(attempt.at)}</td>
              <td>${attempt.status_code ?? attempt.error}</td>
              <td>${attempt.duration_ms === null ? "" : t("{count} ms", { count: number(attempt.duration_ms) })}</td>
              <td class="mono" dir="auto">${attempt.answer}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${delivery.next_attempt_at && html`<p class="small muted">${t("Next attempt: {time}", { time: moment(delivery.next_attempt_at) })}</p>`}
    <button onClick=${() => again(delivery)}><${Icon} name="refresh" /> ${t("Send again")}</button>
  </details>`;
