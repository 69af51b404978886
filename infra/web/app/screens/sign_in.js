import { html, useState } from "../html.js";
import { LANGUAGES, language, setLanguage, t } from "../i18n.js";
import { Dialog, Field, Form } from "../parts/dialog.js";
import { OtherWays } from "../parts/firebase.js";
import { place } from "../router.js";
import { logIn, logOut, register, user } from "../session.js";

const Frame = ({ title, children }) =>
  html`<main class="entrance" id="main">
    <div class="card">
      <header><img src="/icon.svg" alt="" width="40" height="40" /><h1>${title}</h1></header>
      ${children}
    </div>
    <p class="languages">
      ${Object.entries(LANGUAGES).map(
        ([name, shown]) => html`<button class="quiet" lang=${name} aria-pressed=${language.value === name} onClick=${() => setLanguage(name)}>${shown}</button>`,
      )}
    </p>
  </main>`;

const Email = ({ value }) =>
  html`<${Field} label=${t("E-mail")}>
    <input name="email" type="email" required maxlength="254" autocomplete="username" inputmode="email" dir="ltr" defaultValue=${value} readonly=${Boolean(value)} />
  <//>`;

const Password = ({ fresh = false, label = t("Password") }) =>
  html`<${Field} label=${label} hint=${fresh && t("At least 12 characters; a sentence is easy to remember.")}>
    <input name="password" type="password" required minlength=${fresh ? 12 : 1} autocomplete=${fresh ? "new-password" : "current-password"} dir="ltr" />
  <//>`;

export function SignIn() {
  const [isNew, setNew] = useState(false);
  const submit = ({ email, password, name }) =>
    isNew ? register({ email, password, ...(name?.trim() ? { display_name: name.trim() } : {}) }) : logIn(email, password);
  return html`<${Frame} title=${isNew ? t("Create your account") : t("Sign in to Antiphon")}>
    <p class="lead">${t("Transcripts, voices, documents and conversations, in your own account.")}</p>
    <${Form} key=${isNew} submit=${submit} button=${isNew ? t("Create account") : t("Sign in")}>
      ${isNew && html`<${Field} label=${t("Name (optional)")}><input name="name" maxlength="100" autocomplete="name" dir="auto" /><//>`}
      <${Email} />
      <${Password} fresh=${isNew} />
    <//>
    <p class="aside">
      <button class="link" onClick=${() => setNew(!isNew)}>${isNew ? t("I have an account") : t("Create an account")}</button>
      ${!isNew && html`<a href="/forgot-password">${t("Forgot the password?")}</a>`}
    </p>
    <${OtherWays} />
  <//>`;
}

// Over whatever the person was doing, which stays as it is.
export function SignInAgain() {
  const { email } = user.value;
  return html`<${Dialog} title=${t("Sign in again")} closable=${false}>
    <p>${t("Your session has ended. Sign in, and you go on where you were; nothing that you wrote is lost.")}</p>
    <${Form} submit=${({ password }) => logIn(email, password)} button=${t("Sign in")}><${Email} value=${email} /><${Password} /><//>
    <${OtherWays} />
    <p class="aside"><button class="link" onClick=${logOut}>${t("Use another account")}</button></p>
  <//>`;
}

async function send(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error((await answer.json()).detail);
}

export function ForgotPassword() {
  const [sent, setSent] = useState(false);
  return html`<${Frame} title=${t("A new password")}>
    ${sent
      ? html`<p role="status">${t("If there is an account with this address, a mail with a link is on its way. The link works for 30 minutes.")}</p>`
      : html`<${Form} submit=${({ email }) => send("/v1/auth/forgot-password", { email })} onDone=${() => setSent(true)} button=${t("Send the link")}><${Email} /><//>`}
    <p class="aside"><a href="/">${t("Back to the sign-in")}</a></p>
  <//>`;
}

export function ResetPassword() {
  const [done, setDone] = useState(false);
  const token = new URLSearchParams(place.value.hash).get("token");
  const submit = ({ password }) => send("/v1/auth/reset-password", { token, new_password: password });
  const form = html`<${Form} submit=${submit} onDone=${() => setDone(true)} button=${t("Set the password")}><${Password} fresh label=${t("New password")} /><//>`;
  return html`<${Frame} title=${t("Choose a new password")}>
    ${done && html`<p role="status">${t("Your password is set, and all devices are signed out.")}</p>`}
    ${!done && !token && html`<p class="problem" role="alert">${t("This link is not complete. Ask for a new one.")}</p>`} ${!done && token && form}
    <p class="aside"><a href="/">${t("Back to the sign-in")}</a></p>
  <//>`;
}
