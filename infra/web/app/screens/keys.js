import { post, remove } from "../api.js";
import { html, useState } from "../html.js";
import { ago, moment, number, t } from "../i18n.js";
import { confirmed, Dialog, Field, Form } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { Empty, Pages, usePages } from "../parts/load.js";
import { Copyable, Secret } from "../parts/secret.js";
import { sayError } from "../parts/toast.js";

const SCOPES = [
  "transcriptions:read", "transcriptions:write", "speech:read", "speech:write", "chat:read", "chat:write", "search:read", "documents:read",
  "documents:write", "media:read", "media:write", "uploads:write", "webhooks:read", "webhooks:write", "devices:read", "devices:write", "account:read",
];

const dollars = (usd) => number(usd, { style: "currency", currency: "USD", maximumFractionDigits: usd && usd < 1 ? 4 : 2 });

export default function Keys() {
  const pages = usePages("/v1/api-keys");
  const [dialog, setDialog] = useState(null);
  const create = ({ name, expires, budget }, form) => {
    const scopes = [...form.querySelectorAll("input[name=scope]:checked")].map(({ value }) => value);
    if (!scopes.length) throw new Error(t("Choose at least one permission."));
    const until = expires ? { expires_at: new Date(`${expires}T23:59:59`).toISOString() } : {};
    return post("/v1/api-keys", { name, scopes, ...until, ...(budget ? { monthly_budget_usd: Number(budget) } : {}) });
  };
  const made = (key) => {
    pages.set((all) => [key, ...all]);
    setDialog({ key: key.key });
  };
  const erase = async (key) => {
    if (!(await confirmed(t("Delete the key {name}?", { name: key.name }), t("Programs that use it are refused within a minute."), { yes: t("Delete"), danger: true }))) return;
    remove(`/v1/api-keys/${key.id}`).then(() => pages.set((all) => all.filter(({ id }) => id !== key.id)), sayError);
  };
  return html`<div class="page">
    <header>
      <h1>${t("API keys")}</h1>
      <button class="primary" onClick=${() => setDialog("new")}><${Icon} name="plus" /> ${t("New key")}</button>
    </header>
    <p class="muted">${t("For programs. All that this app does, they can do: the documentation is at")} <a href="/v1/docs" target="_blank"><bdi dir="ltr">/v1/docs</bdi></a>.</p>
    <${Pages}
      of=${pages}
      label=${t("API keys")}
      draw=${(key) => html`<div class="row">
        <div class="grow">
          <strong dir="auto">${key.name}</strong>
          <span class="small"><bdi class="mono">${key.prefix}…</bdi> · ${key.last_used_at ? t("used {when}", { when: ago(key.last_used_at) }) : t("never used")}${key.expires_at ? ` · ${t("until {when}", { when: moment(key.expires_at) })}` : ""}</span>
          ${key.monthly_budget_usd != null && html`<span class="small">${t("{spent} of {budget} spent this month", { spent: dollars(key.spent_usd ?? 0), budget: dollars(key.monthly_budget_usd) })}</span>`}
          <span class="small mono">${key.scopes.join(" ")}</span>
        </div>
        <button class="quiet icon-only" aria-label=${t("Delete {name}", { name: key.name })} onClick=${() => erase(key)}><${Icon} name="trash" /></button>
      </div>`}
      empty=${html`<${Empty} icon="keys" title=${t("No keys yet")}>${t("Make one for your first program.")}<//>`}
    />
    ${dialog === "new" &&
    html`<${Dialog} title=${t("New key")} onClose=${() => setDialog(null)}>
      <${Form} submit=${create} onDone=${made} button=${t("Create")}>
        <${Field} label=${t("Name")}><input name="name" required maxlength="100" dir="auto" /><//>
        <${Field} label=${t("Good until (optional)")}><input name="expires" type="date" min=${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)} /><//>
        <${Field} label=${t("US$ per month (optional)")} hint=${t("For jobs of transcription and speech; such a key may do nothing else that costs.")}><input name="budget" type="number" min="0.01" step="any" max="1000000" /><//>
        <fieldset>
          <legend>${t("It may")}</legend>
          <div class="columns">${SCOPES.map((scope) => html`<label class="check"><input type="checkbox" name="scope" value=${scope} /> <span class="mono">${scope}</span></label>`)}</div>
        </fieldset>
      <//>
    <//>`}
    ${dialog?.key &&
    html`<${Secret} title=${t("Your new key")} secret=${dialog.key} onClose=${() => setDialog(null)}>
      <h3>curl</h3>
      <${Copyable} label="curl" text=${`curl ${location.origin}/v1/transcriptions -H "Authorization: Bearer ${dialog.key}"`} />
      <h3>Python</h3>
      <${Copyable} label="Python" text=${`from openai import OpenAI\n\nclient = OpenAI(base_url="${location.origin}/v1", api_key="${dialog.key}")`} />
    <//>`}
  </div>`;
}
