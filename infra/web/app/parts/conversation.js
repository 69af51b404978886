import { download, events, get, patch, remove, request } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { t } from "../i18n.js";
import { follow } from "../live.js";
import { go } from "../router.js";
import { Composer } from "./composer.js";
import { ChatSettings } from "./chat_settings.js";
import { confirmed, Dialog, Field, Form } from "./dialog.js";
import { Icon } from "./icon.js";
import { Failed, Loading, useLoad } from "./load.js";
import { Message } from "./message.js";
import { Messages, useMessages } from "./messages.js";
import { OPEN, RunProgress } from "./run_progress.js";
import { sayError, sayUnlessOffline } from "./toast.js";
import { inWords } from "./words.js";

const FORMATS = ["md", "txt", "html", "csv", "json"];

// The answer as it streams. Events go on behind the last one that was seen if the connection breaks.
async function* answered(path, body, aborted) {
  let last;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const headers = { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
      const answer = await request("POST", path, { body, headers, signal: aborted });
      for await (const event of events(answer)) {
        last = event.id ?? last;
        yield event;
        if (event.event === "done" || event.event === "error") return;
      }
    } catch (error) {
      if (error.name === "AbortError" || !last || attempt >= 4) throw error;
    }
    if (!last || attempt >= 4) throw new Error(t("The answer broke off."));
    await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt));
  }
}

export function Conversation({ id, onChange }) {
  const about = useLoad((aborted) => get(`/v1/conversations/${id}`, {}, { signal: aborted }), [id]);
  const list = useMessages(id);
  const [streaming, setStreaming] = useState(null);
  const [runs, setRuns] = useState([]);
  const [problem, setProblem] = useState(null);
  const [dialog, setDialog] = useState(null);
  const stop = useRef(null);
  const missed = useRef(false);
  const toEnd = useRef();

  useEffect(() => () => stop.current?.abort(), []);

  const refresh = () =>
    get(`/v1/conversations/${id}`).then((now) => {
      about.set(() => now);
      onChange(now);
    }, sayError);

  const add = (run) => setRuns((all) => (all.some(({ id: same }) => same === run.id) ? all : [...all, run]));
  const openRuns = () => get("/v1/runs", { conversation_id: id, limit: 5 }).then(({ data }) => data.filter(({ status }) => OPEN.has(status)).forEach(add), sayUnlessOffline);

  // What others write, another tab too. While an answer streams here, it waits for its end.
  const heard = (event) => {
    if (event?.type.startsWith("run.")) return OPEN.has(event.data.status) && openRuns();
    if (!event) openRuns();
    if (stop.current) return (missed.current = true);
    list.newest();
    if (event?.data.role === "assistant") refresh();
  };
  const latest = useRef();
  latest.current = heard;
  useEffect(() => follow(id, (event) => latest.current(event)), [id]);

  const say = async ({ content, attachments }) => {
    setProblem(null);
    toEnd.current();
    stop.current = new AbortController();
    let reply = null;
    let frame = 0;
    const draw = () => {
      frame = 0;
      if (reply) setStreaming({ ...reply });
    };
    try {
      setStreaming({ id: "coming", role: "assistant", content: "", status: "streaming", parts: [], citations: [] });
      for await (const { event, data } of answered(`/v1/conversations/${id}/messages`, { content, attachments }, stop.current.signal)) {
        if (event === "message") {
          reply = data.reply;
          list.put(data.message);
        } else if (event === "delta") {
          reply.content += data.text;
          frame ||= requestAnimationFrame(draw);
        } else {
          if (event === "error") setProblem(new Error(data.detail ?? data.title));
          reply = data.reply;
        }
      }
    } catch (error) {
      if (!reply) throw error; // nothing was stored: the composer keeps what was written
      if (error.name === "AbortError") reply = { ...reply, status: "incomplete", finish_reason: "stopped" };
      else setProblem(error);
    } finally {
      cancelAnimationFrame(frame);
      stop.current = null;
      setStreaming(null);
      if (reply) list.put(reply);
    }
    if (missed.current) list.newest();
    missed.current = false;
    refresh();
  };

  const run = async (body) => {
    setProblem(null);
    const answer = await request("POST", `/v1/conversations/${id}/runs`, { body });
    toEnd.current();
    add(await answer.json());
    get(`/v1/conversations/${id}/messages`, { limit: 1 }).then(({ data }) => list.put(...data), sayError);
  };

  const ended = async (now) => {
    const page = await get(`/v1/conversations/${id}/messages`, { limit: 10 });
    setRuns((all) => all.filter((each) => each.id !== now.id));
    list.put(...page.data.reverse());
    if (now.status === "failed") setProblem(new Error(now.error?.detail ?? now.status));
    refresh();
  };

  const change = (wish) =>
    patch(`/v1/conversations/${id}`, wish).then((now) => {
      about.set(() => now);
      onChange(now);
    });
  const archive = () => change({ archived: !about.data.archived }).catch(sayError);
  const erase = async () => {
    if (!(await confirmed(t("Delete this conversation?"), t("Its messages are gone for good."), { yes: t("Delete"), danger: true }))) return;
    remove(`/v1/conversations/${id}`).then(() => {
      onChange(null);
      go("/chat");
    }, sayError);
  };

  if (about.error) return html`<div class="page"><${Failed} error=${about.error} again=${about.reload} /></div>`;
  if (!about.data) return html`<${Loading} />`;
  const { title, archived } = about.data;
  return html`<header>
      <a class="button quiet icon-only only-narrow" href="/chat" aria-label=${t("All conversations")}><${Icon} name="back" /></a>
      <h1 dir="auto">${title || t("New conversation")}</h1>
      <button class="quiet icon-only" aria-label=${t("Rename")} title=${t("Rename")} onClick=${() => setDialog("rename")}><${Icon} name="edit" /></button>
      <button class="quiet icon-only" aria-label=${t("Model and settings")} title=${t("Model and settings")} onClick=${() => setDialog("settings")}><${Icon} name="settings" /></button>
      <button class="quiet icon-only" aria-label=${t("Export")} title=${t("Export")} onClick=${() => setDialog("export")}><${Icon} name="download" /></button>
      <button class="quiet icon-only" aria-label=${archived ? t("Take out of the archive") : t("Archive")} title=${archived ? t("Take out of the archive") : t("Archive")} onClick=${archive}><${Icon} name="archive" /></button>
      <button class="quiet icon-only" aria-label=${t("Delete")} title=${t("Delete")} onClick=${erase}><${Icon} name="trash" /></button>
    </header>
    <${Messages} list=${list} toEnd=${toEnd} busy=${Boolean(streaming)}>
      ${streaming && html`<${Message} key="streaming" message=${streaming} />`}
      ${runs.map((each) => html`<li key=${each.id}><${RunProgress} run=${each} onEnd=${ended} /></li>`)}
      ${problem && html`<li key="problem"><p class="problem" role="alert" dir="auto">${inWords(problem)}</p></li>`}
    <//>
    <${Composer} id=${id} say=${say} run=${run} stop=${streaming && (() => stop.current?.abort())} />
    ${dialog === "rename" &&
    html`<${Dialog} title=${t("Rename")} onClose=${() => setDialog(null)}>
      <${Form} submit=${({ title: wanted }) => change({ title: wanted })} onDone=${() => setDialog(null)} button=${t("Rename")}>
        <${Field} label=${t("Title")}><input name="title" defaultValue=${title} maxlength="200" dir="auto" autofocus /><//>
      <//>
    <//>`}
    ${dialog === "settings" && html`<${ChatSettings} about=${about.data} change=${change} onClose=${() => setDialog(null)} />`}
    ${dialog === "export" &&
    html`<${Dialog} title=${t("Export")} onClose=${() => setDialog(null)}>
      <p class="muted">${t("The whole conversation as a file.")}</p>
      <div class="actions">
        ${FORMATS.map(
          (format) => html`<button onClick=${() => download(`/v1/conversations/${id}/export`, { format }, `${title || id}.${format}`).catch(sayError)}>${format}</button>`,
        )}
      </div>
    <//>`}`;
}
