// Signing in with Firebase by the REST interface of Google's Identity Toolkit. No script of theirs runs here, so the policy of the pages stays as it is.
import { Offline } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { said, t } from "../i18n.js";
import { go } from "../router.js";
import { enterWithFirebase } from "../session.js";
import { Dialog, Field, Form } from "./dialog.js";
import { Loading } from "./load.js";
import { sayError } from "./toast.js";
import { inWords } from "./words.js";

const PENDING = "antiphon.firebase"; // what was begun and has to be ended by the same tab
const NAMES = { "apple.com": "Apple", "facebook.com": "Facebook", "github.com": "GitHub", "google.com": "Google", "microsoft.com": "Microsoft" };
const WRONG = said("The address or the password is wrong.");
const REASONS = {
  EMAIL_NOT_FOUND: WRONG,
  INVALID_LOGIN_CREDENTIALS: WRONG,
  INVALID_PASSWORD: WRONG,
  TOO_MANY_ATTEMPTS_TRY_LATER: said("There were too many attempts. Wait a while."),
  USER_DISABLED: said("This account is switched off."),
};

async function fetched(...request) {
  try {
    return await fetch(...request);
  } catch (error) {
    throw new Offline(error.message);
  }
}

// {project, api_key, url, providers}; null where it is not set up.
async function setup() {
  const answer = await fetched("/v1/auth/providers");
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.detail ?? found.title);
  return found.firebase;
}

async function ask({ url, api_key: key }, method, body) {
  const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetched(`${url}/v1/accounts:${method}?key=${encodeURIComponent(key)}`, request);
  const found = await answer.json();
  if (answer.ok) return found;
  const reason = found.error?.message?.split(" ")[0] ?? answer.status;
  throw new Error(REASONS[reason] ? t(REASONS[reason]) : t("Firebase refused the sign-in: {reason}", { reason }));
}

async function enter(firebase, method, body) {
  const { idToken } = await ask(firebase, method, { ...body, returnSecureToken: true });
  if (!idToken) throw new Error(t("Firebase asks for a further step that is not possible here. Use another way to sign in."));
  await enterWithFirebase(idToken);
}

async function leave(firebase, providerId) {
  const wanted = { providerId, continueUri: `${location.origin}/sign-in`, authFlowType: "CODE_FLOW" };
  const { authUri, sessionId } = await ask(firebase, "createAuthUri", wanted);
  sessionStorage.setItem(PENDING, JSON.stringify({ sessionId, back: location.pathname + location.search }));
  location.assign(authUri);
}

// Gives the address where the person was when they left.
async function comeBack() {
  const { sessionId, back } = JSON.parse(sessionStorage.getItem(PENDING) ?? "{}");
  const requestUri = location.href;
  sessionStorage.removeItem(PENDING);
  history.replaceState(null, "", "/sign-in"); // what it brought is good once, and must not stay in the history
  if (!sessionId) throw new Error(t("This sign-in was not begun in this tab. Begin it anew."));
  await enter(await setup(), "signInWithIdp", { requestUri, sessionId });
  return back;
}

// The ways to sign in beside the password; nothing where there are none.
export function OtherWays() {
  const [firebase, setFirebase] = useState(null);
  const [asked, setAsked] = useState(false);
  useEffect(() => void setup().then(setFirebase, sayError), []);
  if (!firebase) return null;
  const { project, providers } = firebase;
  return html`<div class="ways">
    <p class="or muted small">${t("or")}</p>
    ${providers.map((each) =>
      each === "password"
        ? html`<button onClick=${() => setAsked(true)}>${t("Continue with an account of {name}", { name: project })}</button>`
        : html`<button onClick=${() => leave(firebase, each).catch(sayError)}>${t("Continue with {name}", { name: NAMES[each] ?? each })}</button>`,
    )}
    ${asked &&
    html`<${Dialog} title=${t("Continue with an account of {name}", { name: project })} onClose=${() => setAsked(false)}>
      <${Form} submit=${({ email, password }) => enter(firebase, "signInWithPassword", { email, password })} button=${t("Sign in")}>
        <${Field} label=${t("E-mail")}><input name="email" type="email" required maxlength="254" autocomplete="username" dir="ltr" /><//>
        <${Field} label=${t("Password")}><input name="password" type="password" required autocomplete="current-password" dir="ltr" /><//>
      <//>
    <//>`}
  </div>`;
}

// Where the provider sends the person back to.
export function BackFromProvider() {
  const [error, setError] = useState(null);
  useEffect(() => void comeBack().then((back) => go(back, { replace: true }), setError), []);
  if (!error) return html`<${Loading} />`;
  return html`<main class="entrance" id="main">
    <div class="card">
      <h1>${t("You are not signed in")}</h1>
      <p class="problem" role="alert" dir="auto">${inWords(error)}</p>
      <p class="aside"><a href="/">${t("Back to the sign-in")}</a></p>
    </div>
  </main>`;
}
