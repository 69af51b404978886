import { get, patch, remove } from "../api.js";
import { html, useState } from "../html.js";
import { moment, said, t } from "../i18n.js";
import { Activity } from "../parts/activity.js";
import { Jobs } from "../parts/all_jobs.js";
import { confirmed, Dialog } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { Pages, usePages } from "../parts/load.js";
import { Queues } from "../parts/queues.js";
import { say, sayError } from "../parts/toast.js";

const TIERS = ["free", "premium", "enterprise"];
const ROLES = ["user", "admin"];

const PARTS = {
  people: [said("People"), People],
  jobs: [said("Jobs"), Jobs],
  queues: [said("Queues"), Queues],
  activity: [said("Activity"), Activity],
};

export default function Admin({ rest: [first] }) {
  const part = first in PARTS ? first : "people";
  const [, Part] = PARTS[part];
  return html`<div class="page">
    <header>
      <h1>${t("Administration")}</h1>
      <div class="actions">
        ${Object.entries(PARTS).map(([name, [title]]) => html`<a class="button" href="/admin/${name}" aria-current=${name === part ? "page" : undefined}>${t(title)}</a>`)}
      </div>
    </header>
    <${Part} />
  </div>`;
}

function People() {
  const [sought, setSought] = useState("");
  const [email, setEmail] = useState("");
  const [log, setLog] = useState(null);
  const users = usePages("/v1/admin/users", { email });
  const change = async (user, wish) => {
    try {
      const now = await patch(`/v1/admin/users/${user.id}`, wish);
      users.set((all) => all.map((each) => (each.id === now.id ? now : each)));
      say(t("Saved."));
    } catch (error) {
      sayError(error);
      users.reload();
    }
  };
  const suspend = async (user) => {
    const suspended = user.status === "suspended";
    if (!suspended && !(await confirmed(t("Suspend {email}?", { email: user.email }), t("They are signed out at once, and no key of theirs works any more."), { yes: t("Suspend"), danger: true }))) return;
    change(user, { status: suspended ? "active" : "suspended" });
  };
  const signOut = (user) => remove(`/v1/admin/users/${user.id}/sessions`).then(() => say(t("Signed out on all devices.")), sayError);
  const onSubmit = (event) => {
    event.preventDefault();
    setEmail(sought.trim());
  };
  return html`<form class="inline" role="search" onSubmit=${onSubmit}>
      <input type="search" aria-label=${t("Address")} placeholder=${t("The whole address")} dir="ltr" value=${sought} onInput=${({ target }) => setSought(target.value)} />
      <button><${Icon} name="search" /> ${t("Find")}</button>
    </form>
    <${Pages}
      of=${users}
      label=${t("People")}
      draw=${(user) => html`<div class="row wrap">
        <div class="grow"><strong dir="ltr">${user.email}</strong><span class="small" dir="auto">${user.display_name} · ${moment(user.created_at)}</span></div>
        ${user.status !== "active" && html`<span class="badge ${user.status}">${user.status === "suspended" ? t("Suspended") : t("Being erased")}</span>`}
        <select aria-label=${t("Tier of {email}", { email: user.email })} value=${user.tier} onChange=${({ target }) => change(user, { tier: target.value })}>${TIERS.map((each) => html`<option value=${each} selected=${each === user.tier}>${each}</option>`)}</select>
        <select aria-label=${t("Role of {email}", { email: user.email })} value=${user.role} onChange=${({ target }) => change(user, { role: target.value })}>${ROLES.map((each) => html`<option value=${each} selected=${each === user.role}>${each}</option>`)}</select>
        <button onClick=${() => setLog(user)}>${t("Log")}</button>
        <button onClick=${() => signOut(user)}>${t("Sign out")}</button>
        <button onClick=${() => suspend(user)}>${user.status === "suspended" ? t("Let in again") : t("Suspend")}</button>
      </div>`}
      empty=${html`<p class="muted">${t("Nobody has this address.")}</p>`}
    />
    ${log && html`<${Log} user=${log} onClose=${() => setLog(null)} />`}`;
}

function Log({ user, onClose }) {
  const entries = usePages("/v1/admin/audit", { user_id: user.id });
  return html`<${Dialog} title=${user.email} onClose=${onClose} wide>
    <${Pages}
      of=${entries}
      label=${t("Log")}
      draw=${(entry) => html`<div class="row"><div class="grow"><strong>${entry.action}</strong><span class="small">${moment(entry.at)} · ${entry.address} · <bdi class="mono">${entry.target}</bdi></span></div><span class="badge">${entry.outcome}</span></div>`}
      empty=${html`<p class="muted">${t("Nothing is written here.")}</p>`}
    />
  <//>`;
}
