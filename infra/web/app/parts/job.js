import { get } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { said, t } from "../i18n.js";

export const STATES = {
  awaiting_upload: said("Waiting for the file"),
  queued: said("Queued"),
  running: said("Working"),
  succeeded: said("Done"),
  failed: said("Failed"),
  canceled: said("Canceled"),
  expired: said("Expired"),
};
export const OPEN = new Set(["awaiting_upload", "queued", "running"]);

export const State = ({ of: { status } }) => html`<span class="badge ${status}">${t(STATES[status] ?? status)}</span>`;

// The job at `path`, looked at until it has ended; `seen(job)` with each look. {job, error, reload}
export function useJob(path, seen = () => {}) {
  const [state, setState] = useState({});
  const [turn, setTurn] = useState(0);
  const tell = useRef(seen);
  tell.current = seen;
  useEffect(() => {
    const stop = new AbortController();
    let later = 0;
    const look = async () => {
      try {
        const job = await get(path, {}, { signal: stop.signal });
        setState({ job });
        await tell.current(job);
        if (OPEN.has(job.status) && !stop.signal.aborted) later = setTimeout(look, 800);
      } catch (error) {
        if (error.name !== "AbortError") setState((known) => ({ ...known, error }));
      }
    };
    look();
    return () => {
      stop.abort();
      clearTimeout(later);
    };
  }, [path, turn]);
  return { ...state, set: (job) => setState({ job }), reload: () => setTurn((now) => now + 1) };
}

export function Progress({ job, part }) {
  const value = part === undefined ? job.progress : Math.round(part * 100);
  return html`<progress max="100" value=${value} aria-label=${t("Progress")}></progress>`;
}
