import { online } from "./api.js";
import { html, render, useEffect, useState } from "./html.js";
import { language, said, t } from "./i18n.js";
import { JOBS, follow, line } from "./live.js";
import { Question } from "./parts/dialog.js";
import { BackFromProvider } from "./parts/firebase.js";
import { Icon } from "./parts/icon.js";
import { Failed, Loading } from "./parts/load.js";
import { Toasts, say } from "./parts/toast.js";
import { go, place } from "./router.js";
import { ForgotPassword, ResetPassword, SignIn, SignInAgain } from "./screens/sign_in.js";
import { expired, logOut, start, user } from "./session.js";
import { useSignal } from "./signal.js";
import "./theme.js";

// name: of the address, of the module in screens/ and of the icon; only what is opened is loaded.
const SCREENS = [
  { name: "chat", title: said("Chat") },
  { name: "transcripts", title: said("Transcripts") },
  { name: "speech", title: said("Speech") },
  { name: "editor", title: said("Audio editor") },
  { name: "documents", title: said("Documents") },
  { name: "webhooks", title: said("Webhooks") },
  { name: "devices", title: said("Devices") },
  { name: "usage", title: said("Usage") },
  { name: "keys", title: said("API keys") },
  { name: "dashboard", title: said("Dashboard") },
  { name: "admin", title: said("Administration"), role: "admin" },
  { name: "settings", title: said("Settings") },
];
const OPEN = { "forgot-password": ForgotPassword, "reset-password": ResetPassword, "sign-in": BackFromProvider };

function useScreen(name) {
  const [loaded, setLoaded] = useState({});
  useEffect(() => {
    let wanted = true;
    if (!name) return undefined;
    import(`./screens/${name}.js`).then(
      (module) => wanted && setLoaded({ name, Screen: module.default }),
      (error) => wanted && setLoaded({ name, error }),
    );
    return () => (wanted = false);
  }, [name]);
  return loaded.name === name ? loaded : {};
}

const NEWS = {
  "user.quota_reached": said("A limit of this month is reached. See “Usage”."),
  "webhook.disabled": said("A webhook was disabled. See “Webhooks”."),
};

function Navigation({ screens, current, onChoose }) {
  return html`<nav aria-label=${t("Main")}>
    <a class="brand" href="/" onClick=${onChoose}><img src="/icon.svg" alt="" width="28" height="28" /><span>Antiphon</span></a>
    <ul>
      ${screens.map(
        ({ name, title }) => html`<li key=${name}>
          <a href="/${name}" aria-current=${name === current ? "page" : undefined} onClick=${onChoose}>
            <${Icon} name=${name} /><span>${t(title)}</span>
          </a>
        </li>`,
      )}
    </ul>
    <div class="whoami">
      <span dir="auto" title=${user.value.email}>${user.value.display_name ?? user.value.email}</span>
      <button class="quiet icon-only" aria-label=${t("Sign out")} title=${t("Sign out")} onClick=${logOut}><${Icon} name="out" /></button>
    </div>
  </nav>`;
}

function Shell() {
  const { path } = useSignal(place);
  const [menu, setMenu] = useState(false);
  const [, first = "chat", ...rest] = path.split("/");
  const screens = SCREENS.filter(({ role }) => !role || role === user.value.role);
  const current = screens.find(({ name }) => name === (first || "chat")) ?? null;
  const { Screen, error } = useScreen(current?.name);
  const title = current ? t(current.title) : t("Not found");
  useEffect(() => {
    document.title = `${title} · Antiphon`;
  }, [title]);
  useEffect(() => follow(JOBS, (event) => event?.type in NEWS && say(t(NEWS[event.type]), "failed")), []);
  return html`<div class="shell" data-menu=${menu}>
    <a class="skip" href="#main">${t("Skip to the content")}</a>
    <header class="bar">
      <button class="quiet icon-only" aria-label=${t("Menu")} aria-expanded=${menu} onClick=${() => setMenu(!menu)}><${Icon} name="menu" /></button>
      <span class="where">${title}</span>
    </header>
    <${Navigation} screens=${screens} current=${current?.name} onChoose=${() => setMenu(false)} />
    ${menu && html`<div class="veil" onClick=${() => setMenu(false)}></div>`}
    <main id="main" tabindex="0">
      ${!current && html`<div class="page"><h1>${title}</h1><p>${t("There is nothing at this address.")} <a href="/chat">${t("Go to the chat")}</a></p></div>`}
      ${current && error && html`<div class="page"><${Failed} error=${error} again=${() => location.reload()} /></div>`}
      ${current && !error && (Screen ? html`<${Screen} rest=${rest} />` : html`<${Loading} />`)}
    </main>
  </div>`;
}

function App() {
  useSignal(language);
  const who = useSignal(user);
  const lapsed = useSignal(expired);
  const isOnline = useSignal(online);
  const isLive = useSignal(line) !== "lost";
  const { path } = useSignal(place);
  const Open = OPEN[path.slice(1)];
  useEffect(() => {
    if (path === "/") go("/chat", { replace: true });
  }, [path]);
  const trouble = !isOnline ? t("Offline. Reconnecting …") : !isLive && t("What happens is shown a little later. Reconnecting …");
  return html`${trouble && html`<div class="offline ${isOnline ? "late" : ""}" role="status">${trouble}</div>`}
    ${Open ? html`<${Open} />` : who === undefined ? html`<${Loading} />` : who ? html`<${Shell} key=${who.id} />` : html`<${SignIn} />`}
    ${lapsed && html`<${SignInAgain} />`}
    <${Question} />
    <${Toasts} />`;
}

render(html`<${App} />`, document.getElementById("app"));
start();
