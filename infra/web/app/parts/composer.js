import { html, useEffect, useRef, useState } from "../html.js";
import { clock, t } from "../i18n.js";
import { Attach } from "./attach.js";
import { Icon } from "./icon.js";
import { sayNotRecorded, useRecorder } from "./recorder.js";
import { uploaded } from "./upload.js";
import { inWords } from "./words.js";

const draftOf = (id) => `antiphon.draft.${id}`;

// Where one writes. A draft outlives the page; what was refused comes back into the field.
export function Composer({ id, say, run, stop }) {
  const [text, setText] = useState(sessionStorage.getItem(draftOf(id)) ?? "");
  const [attachments, setAttachments] = useState([]);
  const [choosing, setChoosing] = useState(false);
  const [tools, setTools] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const field = useRef();
  const microphone = useRecorder();

  useEffect(() => field.current?.focus(), [id]);
  const write = (value) => {
    setText(value);
    if (value) sessionStorage.setItem(draftOf(id), value);
    else sessionStorage.removeItem(draftOf(id));
  };

  const send = async (content, parts) => {
    setProblem(null);
    setBusy(true);
    const attached = parts.map(({ type, id: thing }) => ({ type, id: thing }));
    const asRun = tools || parts.some(({ type }) => type === "audio");
    write("");
    setAttachments([]);
    try {
      if (asRun) await run({ content, attachments: attached, ...(tools ? {} : { tools: [] }) });
      else await say({ content, attachments: attached });
    } catch (error) {
      setProblem(error);
      write(content);
      setAttachments(parts);
    } finally {
      setBusy(false);
      field.current?.focus();
    }
  };
  const onSubmit = (event) => {
    event.preventDefault();
    if (!busy && (text.trim() || attachments.some(({ type }) => type === "audio"))) send(text.trim(), attachments);
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) onSubmit(event);
  };

  const record = async () => {
    try {
      if (!microphone.recording) return await microphone.start();
      const file = await microphone.finish();
      const media = await uploaded(file, "transcription");
      await send("", [{ type: "audio", id: media.id, name: file.name }]);
    } catch (error) {
      sayNotRecorded(error);
    }
  };

  return html`<div class="composer">
    <form onSubmit=${onSubmit}>
      ${problem && html`<p class="problem" role="alert" dir="auto">${inWords(problem)}</p>`}
      ${attachments.length > 0 &&
      html`<div class="chips">
        ${attachments.map(
          (each) => html`<span class="chip" key=${each.id}>
            <span class="ellipsis" dir="auto">${each.name}</span>
            <button type="button" class="quiet icon-only" aria-label=${t("Remove")} onClick=${() => setAttachments((all) => all.filter((other) => other !== each))}><${Icon} name="close" /></button>
          </span>`,
        )}
      </div>`}
      <textarea ref=${field} rows="1" dir="auto" maxlength="100000" placeholder=${t("Write a message")} aria-label=${t("Message")} value=${text} onInput=${(event) => write(event.target.value)} onKeyDown=${onKeyDown}></textarea>
      <div class="tools">
        <button type="button" class="quiet icon-only" aria-label=${t("Attach")} title=${t("Attach")} onClick=${() => setChoosing(true)}><${Icon} name="attach" /></button>
        <button type="button" class="quiet ${microphone.recording ? "" : "icon-only"}" aria-pressed=${microphone.recording} aria-label=${microphone.recording ? t("Send the recording") : t("Voice message")} title=${t("Voice message")} onClick=${record}>
          <${Icon} name=${microphone.recording ? "stop" : "mic"} /> ${microphone.recording && clock(microphone.seconds)}
        </button>
        ${microphone.recording && html`<button type="button" class="quiet icon-only" aria-label=${t("Discard the recording")} onClick=${microphone.drop}><${Icon} name="trash" /></button>`}
        <button type="button" class="quiet small" aria-pressed=${tools} title=${t("Let it search, transcribe, speak, draw, compute and use your devices")} onClick=${() => setTools(!tools)}>${t("Use tools")}</button>
        <span class="grow"></span>
        ${stop
          ? html`<button type="button" class="primary icon-only" aria-label=${t("Stop")} onClick=${stop}><${Icon} name="stop" /></button>`
          : html`<button class="primary icon-only" aria-label=${t("Send")} disabled=${busy || !(text.trim() || attachments.some(({ type }) => type === "audio"))}><${Icon} name="send" /></button>`}
      </div>
    </form>
    ${choosing && html`<${Attach} onClose=${() => setChoosing(false)} onChoose=${(part) => setAttachments((all) => [...all.filter(({ id: same }) => same !== part.id), part])} />`}
  </div>`;
}
