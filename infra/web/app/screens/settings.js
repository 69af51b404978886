import { get, patch, post, remove } from "../api.js";
import { html, useState } from "../html.js";
import { LANGUAGES, ago, language, said, setLanguage, t } from "../i18n.js";
import { confirmed, Dialog, Field, Form } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { Failed, Loading, Pages, useLoad, usePages } from "../parts/load.js";
import { Copyable } from "../parts/secret.js";
import { say, sayError } from "../parts/toast.js";
import { logOut, user } from "../session.js";
import { useSignal } from "../signal.js";
import { THEMES, setTheme, theme } from "../theme.js";

const NAMES = { system: said("As the system"), light: said("Light"), dark: said("Dark") };

export default function Settings() {
  const { data: me, error, reload, set } = useLoad((aborted) => get("/v1/me", {}, { signal: aborted }), []);
  const sessions = usePages("/v1/auth/sessions");
  const [erasing, setErasing] = useState(false);
  const look = useSignal(theme);
  const shown = useSignal(language);
  if (error) return html`<div class="page"><${Failed} error=${error} again=${reload} /></div>`;
  if (!me) return html`<${Loading} />`;
  const keep = (preferences) => patch("/v1/me", { preferences }).catch(sayError);
  const rename = async ({ name }) => {
    const now = await patch("/v1/me", { display_name: name.trim() || null });
    set(() => now);
    user.set((known) => ({ ...known, display_name: now.display_name }));
    say(t("Saved."));
  };
  const newPassword = async ({ old, fresh }, form) => {
    await post("/v1/me/password", { current_password: old, new_password: fresh });
    form.reset();
    say(t("Your password is changed, and your other devices are signed out."));
  };
  const mailLink = () =>
    post("/v1/auth/forgot-password", { email: me.email }).then(
      () => say(t("If there is an account with this address, a mail with a link is on its way. The link works for 30 minutes.")),
      sayError,
    );
  const erase = async ({ password, email }) => {
    if (!me.has_password && email.trim().toLowerCase() !== me.email.toLowerCase()) throw new Error(t("This is not the address of this account."));
    await remove("/v1/me", me.has_password ? { password } : undefined);
  };
  const end = (session) =>
    remove(`/v1/auth/sessions/${session.id}`).then(() => sessions.set((all) => all.filter(({ id }) => id !== session.id)), sayError);
  const endAll = async () => {
    if (await confirmed(t("Sign out everywhere?"), t("Here too."), { yes: t("Sign out") })) remove("/v1/auth/sessions").then(logOut, sayError);
  };
  return html`<div class="page">
    <header><h1>${t("Settings")}</h1></header>
    <section class="card">
      <h2>${t("Look and language")}</h2>
      <div class="columns">
        <${Field} label=${t("Theme")}>
          <select value=${look} onChange=${({ target }) => (setTheme(target.value), keep({ theme: target.value }))}>
            ${THEMES.map((each) => html`<option value=${each} selected=${each === look}>${t(NAMES[each])}</option>`)}
          </select>
        <//>
        <${Field} label=${t("Language")}>
          <select value=${shown} onChange=${({ target }) => (setLanguage(target.value), keep({ language: target.value }))}>
            ${Object.entries(LANGUAGES).map(([name, own]) => html`<option value=${name} lang=${name} selected=${name === shown}>${own}</option>`)}
          </select>
        <//>
      </div>
    </section>
    <section class="card">
      <h2>${t("You")}</h2>
      <${Form} submit=${rename} button=${t("Save")}>
        <${Field} label=${t("Name")}><input name="name" maxlength="100" dir="auto" defaultValue=${me.display_name ?? ""} /><//>
        <p class="muted small">${me.email} · ${me.tier}</p>
      <//>
    </section>
    <section class="card">
      <h2>${t("Drop files without the app")}</h2>
      <p class="muted small">${t("What is put there becomes a transcript, speech or a document.")}</p>
      <${Copyable} label=${t("Drop files without the app")} text=${`aws s3 cp talk.mp3 s3://${me.inbox.bucket}/${me.inbox.prefix}`} />
    </section>
    <section class="card">
      <h2>${t("Password")}</h2>
      ${me.has_password
        ? html`<${Form} submit=${newPassword} button=${t("Change the password")}>
            <input type="text" class="visually-hidden" autocomplete="username" value=${me.email} readonly tabindex="-1" aria-hidden="true" />
            <div class="columns">
              <${Field} label=${t("Password now")}><input name="old" type="password" required autocomplete="current-password" dir="ltr" /><//>
              <${Field} label=${t("New password")}><input name="fresh" type="password" required minlength="12" autocomplete="new-password" dir="ltr" /><//>
            </div>
          <//>`
        : html`<p>${t("You have none here: another service signs you in. A mail with a link sets one.")}</p>
            <div class="actions"><button onClick=${mailLink}>${t("Send the link")}</button></div>`}
    </section>
    <section class="card">
      <div class="head"><h2>${t("Signed-in devices")}</h2><button onClick=${endAll}>${t("Sign out everywhere")}</button></div>
      <${Pages}
        of=${sessions}
        label=${t("Signed-in devices")}
        draw=${(session) => html`<div class="row">
          <div class="grow"><strong dir="auto">${session.device ?? t("Unknown device")}</strong><span class="small">${session.address} · ${ago(session.last_used_at)}</span></div>
          ${session.current ? html`<span class="badge active">${t("This one")}</span>` : html`<button onClick=${() => end(session)}>${t("Sign out")}</button>`}
        </div>`}
      />
    </section>
    <section class="card">
      <h2>${t("Delete the account")}</h2>
      <p>${t("Everything of yours is erased: recordings, transcripts, conversations, documents, keys.")}</p>
      <div class="actions"><button class="danger" onClick=${() => setErasing(true)}><${Icon} name="trash" /> ${t("Delete the account")}</button></div>
    </section>
    ${erasing &&
    html`<${Dialog} title=${t("Delete the account")} onClose=${() => setErasing(false)}>
      <p>${me.has_password ? t("This cannot be undone. Your password, please:") : t("This cannot be undone. Your address, please:")}</p>
      <${Form} submit=${erase} onDone=${logOut} button=${t("Delete everything")}>
        ${me.has_password
          ? html`<${Field} label=${t("Password")}><input name="password" type="password" required autocomplete="current-password" dir="ltr" /><//>`
          : html`<${Field} label=${t("E-mail")}><input name="email" type="email" required autocomplete="off" dir="ltr" /><//>`}
      <//>
    <//>`}
  </div>`;
}
