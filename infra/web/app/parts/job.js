import { get } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { said, t } from "../i18n.js";
import { JOBS, follow, news } from "../live.js";
import { usePages } from "./load.js";

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

// The job at `path`, followed until it has ended; `seen(job)` with each look. {job, error, set, reload}
export function useJob(path, seen = () => {}) {
  const [state, setState] = useState({});
  const [turn, setTurn] = useState(0);
  const tell = useRef(seen);
  tell.current = seen;
  const look = async (aborted) => {
    const job = await get(path, {}, { signal: aborted });
    setState({ job });
    await tell.current(job);
    return !OPEN.has(job.status);
  };
  const followed = async (aborted) => {
    for await (const _ of news(path.split("/").at(-1), aborted)) {
      try {
        if (await look(aborted)) return;
      } catch (error) {
        if (!aborted.aborted) setState((known) => ({ ...known, error }));
      }
    }
  };
  useEffect(() => {
    const stop = new AbortController();
    followed(stop.signal);
    return () => stop.abort();
  }, [path, turn]);
  return { ...state, set: (job) => setState({ job }), reload: () => setTurn((now) => now + 1) };
}

// A list of jobs of one kind: what is begun elsewhere comes to its top, and what changes is shown as it is now.
export function useJobs(path, kind, query = {}) {
  const pages = usePages(path, query);
  const asking = useRef(new Map());
  const put = (job) =>
    pages.set((all) => {
      const others = all.filter(({ id }) => id !== job.id);
      if (query.status && query.status !== job.status) return others;
      if (pages.more && job.id < all.at(-1)?.id) return all; // its page is not there yet
      return [...others, job].sort((one, other) => (one.id < other.id ? 1 : -1));
    });
  // One question at a time for each job: an older answer must not come behind a newer one.
  const renew = async (id) => {
    if (asking.current.has(id)) return void asking.current.set(id, "again");
    do {
      asking.current.set(id, "once");
      await get(`${path}/${id}`).then(put, () => null); // perhaps it was deleted meanwhile
    } while (asking.current.get(id) === "again");
    asking.current.delete(id);
  };
  const heard = (event) => {
    if (!event) return void get(path, query).then(({ data }) => data.forEach(put), () => null); // the list itself says what is wrong
    const { id, kind: other, status, progress } = event.data;
    if (other !== kind) return;
    const isProgress = event.type.endsWith(".progress") && pages.items.some((job) => job.id === id && job.status === status);
    if (isProgress) pages.set((all) => all.map((job) => (job.id === id ? { ...job, progress } : job)));
    else renew(id);
  };
  const latest = useRef();
  latest.current = heard;
  useEffect(() => follow(JOBS, (event) => latest.current(event)), []);
  return { ...pages, put };
}

export function Progress({ job, part }) {
  const value = part === undefined ? job.progress : Math.round(part * 100);
  return html`<progress max="100" value=${value} aria-label=${t("Progress")}></progress>`;
}
