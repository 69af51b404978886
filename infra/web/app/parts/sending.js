// Files on their way: several at once, each with its progress, a way to stop it and a way to try again.
import { html, useState } from "../html.js";
import { bytes, t } from "../i18n.js";
import { Icon } from "./icon.js";
import { Progress } from "./job.js";
import { inWords } from "./words.js";

const AT_ONCE = 3;

// begin(file, progress, aborted) → anything; done(result, file)
export function useSending(begin, done) {
  const [files, setFiles] = useState([]);
  const [queue] = useState({ waiting: [], running: 0, count: 0 });
  const change = (id, values) => setFiles((all) => all.map((each) => (each.id === id ? { ...each, ...values } : each)));

  const next = async () => {
    if (queue.running >= AT_ONCE || !queue.waiting.length) return;
    const entry = queue.waiting.shift();
    queue.running += 1;
    change(entry.id, { state: "sending", part: 0 });
    try {
      const result = await begin(entry.file, (part) => change(entry.id, { part }), entry.stop.signal);
      setFiles((all) => all.filter((each) => each.id !== entry.id));
      done(result, entry.file);
    } catch (error) {
      if (error.name === "AbortError") setFiles((all) => all.filter((each) => each.id !== entry.id));
      else change(entry.id, { state: "failed", error });
    } finally {
      queue.running -= 1;
      next();
    }
  };
  const add = (chosen) => {
    const entries = chosen.map((file) => ({ id: (queue.count += 1), file, state: "waiting", part: 0, stop: new AbortController() }));
    setFiles((all) => [...all, ...entries]);
    queue.waiting.push(...entries);
    entries.forEach(next);
  };
  const again = (entry) => {
    setFiles((all) => all.filter((each) => each.id !== entry.id));
    add([entry.file]);
  };
  const stop = (entry) => {
    queue.waiting = queue.waiting.filter((each) => each.id !== entry.id);
    entry.stop.abort();
    if (entry.state !== "sending") setFiles((all) => all.filter((each) => each.id !== entry.id));
  };
  return { files, add, again, stop };
}

export const Sending = ({ of }) =>
  html`<ul class="rows" aria-label=${t("Uploads")}>
    ${of.files.map(
      (entry) => html`<li class="row" key=${entry.id}>
        <div class="grow">
          <strong dir="auto">${entry.file.name}</strong>
          <span class="small">${bytes(entry.file.size)}</span>
          ${entry.state === "failed" ? html`<p class="problem" role="alert" dir="auto">${inWords(entry.error)}</p>` : html`<${Progress} part=${entry.part} />`}
        </div>
        ${entry.state === "failed" && html`<button onClick=${() => of.again(entry)}><${Icon} name="refresh" /> ${t("Try again")}</button>`}
        <button class="quiet icon-only" aria-label=${t("Cancel")} onClick=${() => of.stop(entry)}><${Icon} name="close" /></button>
      </li>`,
    )}
  </ul>`;
