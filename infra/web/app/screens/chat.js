import { get, post } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { ago, plural, t } from "../i18n.js";
import { CONVERSATIONS, follow } from "../live.js";
import { Conversation } from "../parts/conversation.js";
import { Icon } from "../parts/icon.js";
import { Empty, Pages, usePages } from "../parts/load.js";
import { Hits } from "../parts/hits.js";
import { sayError } from "../parts/toast.js";
import { go } from "../router.js";

export default function Chat({ rest: [open] }) {
  const [archived, setArchived] = useState(false);
  const [sought, setSought] = useState("");
  const [query, setQuery] = useState("");
  const asked = { archived, limit: 50 };
  const pages = usePages("/v1/conversations", asked);

  useEffect(() => {
    const later = setTimeout(() => setQuery(sought.trim()), 250);
    return () => clearTimeout(later);
  }, [sought]);

  const begin = () =>
    post("/v1/conversations").then((made) => {
      pages.set((all) => [made, ...all]);
      go(`/chat/${made.id}`);
    }, sayError);

  // A conversation that changed comes to the top, or leaves the list that it does not belong to any more.
  const changed = (now) =>
    pages.set((all) => [...(now && now.archived === archived ? [now] : []), ...all.filter(({ id }) => id !== (now?.id ?? open))]);

  // What other tabs, devices and programs say; the conversation that is open hears of its own.
  const put = (some) => pages.set((all) => [...some, ...all.filter(({ id }) => !some.some((each) => each.id === id))]);
  const hear = useRef();
  hear.current = (event) => {
    if (!event) return void get("/v1/conversations", asked).then(({ data }) => put(data), () => null); // the list itself says what is wrong
    const { conversation_id: id } = event.data;
    if (id !== open) get(`/v1/conversations/${id}`).then((now) => now.archived === archived && put([now]), () => null); // perhaps it was deleted meanwhile
  };
  useEffect(() => follow(CONVERSATIONS, (event) => hear.current(event)), []);

  return html`<div class="chat" data-open=${Boolean(open)}>
    <section class="chats" aria-label=${t("Conversations")}>
      <header>
        <button class="primary" onClick=${begin}><${Icon} name="plus" /> ${t("New conversation")}</button>
        <input type="search" placeholder=${t("Search everything")} aria-label=${t("Search everything")} value=${sought} maxlength="500" dir="auto" onInput=${(event) => setSought(event.target.value)} />
        <label class="check small"><input type="checkbox" checked=${archived} onChange=${(event) => setArchived(event.target.checked)} /> ${t("Archived")}</label>
      </header>
      <div class="scroll">
        ${query
          ? html`<${Hits} query=${query} />`
          : html`<${Pages}
              of=${pages}
              label=${t("Conversations")}
              empty=${html`<p class="muted small empty">${archived ? t("Nothing is archived.") : t("Your conversations will be here.")}</p>`}
              draw=${(each) => html`<a class="row" href="/chat/${each.id}" aria-current=${each.id === open ? "page" : undefined}>
                <strong dir="auto">${each.title || t("New conversation")}</strong>
                <span class="small">${ago(each.updated_at)} · ${plural(each.message_count, "{count} message", "{count} messages")}</span>
              </a>`}
            />`}
      </div>
    </section>
    <section class="talk" aria-label=${t("Conversation")}>
      ${open
        ? html`<${Conversation} key=${open} id=${open} onChange=${changed} />`
        : html`<${Empty} icon="chat" title=${t("What would you like to know?")}>
            ${t("Start a conversation, attach a transcript or a document, or say it aloud.")}
          <//>`}
    </section>
  </div>`;
}
