import { get, post, remove } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { ago, t } from "../i18n.js";
import { follow } from "../live.js";
import { confirmed, Dialog, Field, Form } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, Loading, Pages, useLoad, usePages } from "../parts/load.js";
import { Secret } from "../parts/secret.js";
import { sayError } from "../parts/toast.js";
import { go } from "../router.js";

const PLATFORMS = ["android", "ios", "linux", "macos", "windows", "web", "other"];
const EXAMPLE = JSON.stringify(
  [{ action: "open_app", description: "Opens an app", parameters: { type: "object", properties: { package: { type: "string" } }, required: ["package"] } }],
  null,
  2,
);

export default function Devices({ rest: [open] }) {
  return open ? html`<${One} key=${open} id=${open} />` : html`<${All} />`;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(t("This is not JSON: {reason}", { reason: error.message }));
  }
}

function All() {
  const pages = usePages("/v1/devices");
  const [dialog, setDialog] = useState(null);
  const create = ({ name, platform, capabilities }) => post("/v1/devices", { name, platform, capabilities: parsed(capabilities) });
  const made = (device) => {
    pages.set((all) => [device, ...all]);
    setDialog({ key: device.key });
  };
  return html`<div class="page">
    <header>
      <h1>${t("Devices")}</h1>
      <button class="primary" onClick=${() => setDialog("new")}><${Icon} name="plus" /> ${t("New device")}</button>
    </header>
    <${Pages}
      of=${pages}
      label=${t("Devices")}
      draw=${(device) => html`<a class="row" href="/devices/${device.id}">
        <div class="grow">
          <strong dir="auto">${device.name}</strong>
          <span class="small">${device.platform} · ${device.last_seen_at ? t("seen {when}", { when: ago(device.last_seen_at) }) : t("never seen")} · ${device.capabilities.map(({ action }) => action).join(", ")}</span>
        </div>
      </a>`}
      empty=${html`<${Empty} icon="devices" title=${t("No devices yet")}>${t("A phone or a computer that takes your commands, and those of the chat.")}<//>`}
    />
    ${dialog === "new" &&
    html`<${Dialog} title=${t("New device")} onClose=${() => setDialog(null)} wide>
      <${Form} submit=${create} onDone=${made} button=${t("Create")}>
        <${Field} label=${t("Name")}><input name="name" required maxlength="100" dir="auto" /><//>
        <${Field} label=${t("Platform")}><select name="platform">${PLATFORMS.map((each) => html`<option value=${each}>${each}</option>`)}</select><//>
        <${Field} label=${t("What it can do (JSON)")}><textarea name="capabilities" rows="8" dir="ltr" class="mono" defaultValue=${EXAMPLE}></textarea><//>
      <//>
    <//>`}
    ${dialog?.key && html`<${Secret} title=${t("The key of the device")} secret=${dialog.key} onClose=${() => setDialog(null)} />`}
  </div>`;
}

function One({ id }) {
  const { data: device, error, reload } = useLoad((aborted) => get(`/v1/devices/${id}`, {}, { signal: aborted }), [id]);
  const commands = usePages(`/v1/devices/${id}/commands`);
  const [action, setAction] = useState(null);
  useEffect(() => follow(id, commands.reload), [id, commands.reload]);
  const waiting = commands.items.some(({ finished_at, status }) => !finished_at && status !== "expired");
  useEffect(() => {
    if (!waiting) return undefined;
    const looking = setInterval(commands.reload, 5_000); // that it was taken, or came too late, makes no event
    return () => clearInterval(looking);
  }, [waiting, commands.reload]);
  if (error) return html`<div class="page"><${Failed} error=${error} again=${reload} /></div>`;
  if (!device) return html`<${Loading} />`;
  const send = ({ arguments: text }) => post(`/v1/devices/${id}/commands`, { action: action.action, arguments: parsed(text || "{}") });
  const step = (command, name) => post(`/v1/devices/${id}/commands/${command.id}/${name}`).then(commands.reload, sayError);
  const erase = async () => {
    if (!(await confirmed(t("Delete this device?"), t("Its key stops working at once."), { yes: t("Delete"), danger: true }))) return;
    remove(`/v1/devices/${id}`).then(() => go("/devices"), sayError);
  };
  return html`<div class="page">
    <header>
      <h1 dir="auto">${device.name}</h1>
      <button class="quiet icon-only" aria-label=${t("Delete")} onClick=${erase}><${Icon} name="trash" /></button>
    </header>
    <h2>${t("Commands")}</h2>
    <div class="chips">${device.capabilities.map((each) => html`<button key=${each.action} title=${each.description} onClick=${() => setAction(each)}>${each.action}</button>`)}</div>
    <${Pages}
      of=${commands}
      label=${t("Commands")}
      draw=${(command) => html`<div class="row">
        <div class="grow">
          <strong>${command.action}</strong>
          <span class="small">${ago(command.created_at)}</span>
          <span class="small mono" dir="ltr">${JSON.stringify(command.arguments)}</span>
          ${command.error && html`<span class="small" dir="auto">${command.error.detail || command.error.code}</span>`}
        </div>
        <span class="badge ${command.status}">${command.status}</span>
        ${command.status === "awaiting_confirmation" && html`<button class="primary" onClick=${() => step(command, "confirm")}>${t("Allow")}</button>`}
        ${!command.finished_at && command.status !== "expired" && html`<button onClick=${() => step(command, "cancel")}>${t("Cancel")}</button>`}
      </div>`}
      empty=${html`<p class="muted">${t("Nothing was asked of it yet.")}</p>`}
    />
    ${action &&
    html`<${Dialog} title=${action.action} onClose=${() => setAction(null)}>
      <p class="muted" dir="auto">${action.description}</p>
      <${Form} submit=${send} onDone=${() => (setAction(null), commands.reload())} button=${t("Send")}>
        <${Field} label=${t("Arguments (JSON)")}><textarea name="arguments" rows="4" dir="ltr" class="mono" placeholder="{}"></textarea><//>
      <//>
    <//>`}
  </div>`;
}
