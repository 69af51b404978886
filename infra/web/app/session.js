// Who is signed in. The access token lives in memory only; the refresh token is in a cookie that no script can read.
import { signal } from "./signal.js";

export const user = signal(undefined); // undefined: not known yet; null: nobody
export const expired = signal(false); // the session ended while somebody was at work

let access = null;
let goodUntil = 0;
const EARLY = 30_000;
const KNOWN = "antiphon.signed-in"; // whether there may be a cookie: scripts cannot see it
const channel = new BroadcastChannel("antiphon");

channel.onmessage = ({ data }) => {
  if (data === "signed-out") forget();
};

function forget() {
  access = null;
  localStorage.removeItem(KNOWN);
  expired.set(false);
  user.set(null);
}

export class SignInFailed extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? String(status));
    Object.assign(this, { status, code: problem.code, fields: problem.errors ?? [] });
  }
}

async function post(path, body, headers = {}) {
  return fetch(path, {
    method: "POST",
    headers: { "Antiphon-Session": "cookie", ...(body ? { "Content-Type": "application/json" } : {}), ...headers },
    body: body && JSON.stringify(body),
  });
}

function take(found) {
  access = found.access_token;
  goodUntil = Date.now() + found.expires_in * 1000;
  localStorage.setItem(KNOWN, "yes");
  expired.set(false);
  user.set(found.user);
}

async function enter(path, body) {
  const answer = await post(path, body);
  const found = await answer.json();
  if (!answer.ok) throw new SignInFailed(answer.status, found);
  take(found);
}

export const logIn = (email, password) => enter("/v1/auth/login", { email, password });
export const register = (fields) => enter("/v1/auth/register", fields);
export const enterWithFirebase = (idToken) => enter("/v1/auth/firebase", { id_token: idToken });

export async function logOut() {
  await post("/v1/auth/logout").catch(() => null); // whoever wants to be signed out here, is
  channel.postMessage("signed-out");
  forget();
}

// A refresh token is good once, so the tabs of one browser take turns; an answer that was lost on the way is asked for again with the same key.
const refresh = () =>
  navigator.locks.request("antiphon.refresh", async () => {
    if (access && Date.now() < goodUntil - EARLY) return;
    const lost = JSON.parse(localStorage.getItem("antiphon.refresh") ?? "null");
    const attempt = lost && Date.now() - lost.at < 55_000 ? lost : { key: crypto.randomUUID(), at: Date.now() };
    localStorage.setItem("antiphon.refresh", JSON.stringify(attempt));
    const answer = await post("/v1/auth/refresh", null, { "Idempotency-Key": attempt.key });
    if (answer.status >= 500 || answer.status === 429) throw new SignInFailed(answer.status, await answer.json());
    localStorage.removeItem("antiphon.refresh");
    if (answer.ok) take(await answer.json());
    else if (user.value) lapse();
    else forget();
  });

function lapse() {
  access = null;
  expired.set(true);
}

// The access token, fresh enough for a request; null where nobody is signed in.
export async function token({ anew = false } = {}) {
  if (anew) access = null;
  if (expired.value || user.value === null) return null;
  if (!access || Date.now() > goodUntil - EARLY) await refresh();
  return access;
}

// Until the session is good again, or somebody signed out.
export function signedInAgain() {
  if (!expired.value) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = expired.follow(() => {
      stop();
      resolve();
    });
  });
}

// When the app opens: goes on with the session of the last time, if there is one. A server that does not answer yet is asked again.
export async function start() {
  if (!localStorage.getItem(KNOWN)) return user.set(null);
  for (let wait = 500; user.value === undefined; wait = Math.min(wait * 2, 8_000)) {
    try {
      await token();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
