// Things of the API on their way to the screen: loading, there, failed, empty, more.
import { get } from "../api.js";
import { html, useCallback, useEffect, useRef, useState } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icon.js";
import { inWords } from "./words.js";

// {data, error, loading, reload, set}; `load(signal)` is called anew when one of `on` changes.
export function useLoad(load, on) {
  const [state, setState] = useState({ loading: true });
  const latest = useRef(0);
  const reload = useCallback(() => {
    const turn = (latest.current += 1);
    const stop = new AbortController();
    setState((known) => ({ ...known, loading: true, error: undefined }));
    load(stop.signal).then(
      (data) => turn === latest.current && setState({ data, loading: false }),
      (error) => turn === latest.current && error.name !== "AbortError" && setState((known) => ({ ...known, error, loading: false })),
    );
    return () => stop.abort();
  }, on);
  useEffect(() => reload(), [reload]);
  const set = (change) => setState((known) => ({ ...known, data: change(known.data) }));
  return { ...state, reload, set };
}

// A list of the API, page by page: {items, error, loading, more, reload, set}.
export function usePages(path, query = {}) {
  const [state, setState] = useState({ items: [], loading: true, cursor: null });
  const turn = useRef(0);
  const own = useRef({ flying: 0, touched: false });
  const wanted = JSON.stringify([path, query]);
  const fetchPage = useCallback(
    async (cursor) => {
      const mine = cursor ? turn.current : (turn.current += 1);
      setState((known) => ({ ...known, loading: true, error: undefined }));
      own.current.flying += 1;
      own.current.touched = false;
      try {
        const page = await get(path, { ...query, cursor });
        if (mine !== turn.current) return;
        if (own.current.touched && !cursor) return void fetchPage(null); // something was made since this was asked: it may not be in there
        setState((known) => ({ items: cursor ? [...known.items, ...page.data] : page.data, cursor: page.next_cursor, loading: false }));
      } catch (error) {
        if (mine === turn.current) setState((known) => ({ ...known, error, loading: false }));
      } finally {
        own.current.flying -= 1;
      }
    },
    [wanted],
  );
  const reload = useCallback(() => fetchPage(null), [fetchPage]);
  useEffect(() => {
    setState({ items: [], loading: true, cursor: null });
    reload();
  }, [reload]);
  const set = (change) => {
    if (own.current.flying) own.current.touched = true;
    setState((known) => ({ ...known, items: change(known.items) }));
  };
  return { ...state, more: state.cursor && (() => fetchPage(state.cursor)), reload, set };
}

export const Failed = ({ error, again }) =>
  html`<div class="problem" role="alert">
    <span dir="auto">${inWords(error)}</span>
    ${again && html`<button onClick=${again}><${Icon} name="refresh" /> ${t("Try again")}</button>`}
  </div>`;

export const Loading = () => html`<div class="loading" role="status"><span class="visually-hidden">${t("Loading …")}</span></div>`;

export const Empty = ({ icon, title, children }) =>
  html`<div class="empty"><${Icon} name=${icon} /><h2>${title}</h2><p>${children}</p></div>`;

// items as `draw` shows each, with what a list needs around it.
export function Pages({ of, draw, empty, label }) {
  if (of.error && !of.items.length) return html`<${Failed} error=${of.error} again=${of.reload} />`;
  if (!of.items.length) return of.loading ? html`<${Loading} />` : empty;
  return html`<ul class="rows" aria-label=${label}>
      ${of.items.map((item) => html`<li key=${item.id}>${draw(item)}</li>`)}
    </ul>
    ${of.error && html`<${Failed} error=${of.error} again=${of.more} />`}
    ${of.more && html`<button class="more" disabled=${of.loading} onClick=${of.more}>${t("Show more")}</button>`}`;
}
