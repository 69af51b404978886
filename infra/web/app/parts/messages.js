// The messages of a conversation, newest last. Older ones come while one scrolls up. Only those near what is seen are in the page, so that ten thousand
// scroll as ten do; the others keep their place by the height that they had: each is drawn once when it comes, so that nothing jumps for a height that was guessed.
import { get } from "../api.js";
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../html.js";
import { t } from "../i18n.js";
import { place } from "../router.js";
import { useSignal } from "../signal.js";
import { Failed, Loading } from "./load.js";
import { Message } from "./message.js";

const FIRST = 50; // messages that are read at first, and
const MORE = 60; // at once while one scrolls up
const CHUNK = 20; // that come and go together
const AHEAD = 1_500; // pixels around what is seen that are drawn
const EARLY = 1_000; // pixels from the beginning at which older ones are asked for
const NEAR = 120; // pixels from the end within which the view follows what comes

const chunksOf = (messages) => Array.from({ length: Math.ceil(messages.length / CHUNK) }, (_, index) => messages.slice(index * CHUNK, (index + 1) * CHUNK));

// The chunks with these messages in the place of their older states; new ones at the end. A chunk without a change stays the same array.
function merged(chunks, changed) {
  const fresh = new Map(changed.map((message) => [message.id, message]));
  const renewed = (message) => {
    const now = fresh.get(message.id) ?? message;
    fresh.delete(message.id);
    return now;
  };
  const all = chunks.map((chunk) => (chunk.some(({ id }) => fresh.has(id)) ? chunk.map(renewed) : chunk));
  for (const message of fresh.values()) {
    if (all.at(-1)?.length < CHUNK) all[all.length - 1] = [...all.at(-1), message];
    else all.push([message]);
  }
  return all;
}

// {chunks, reading, error, newest, older, put, before}. reading: "newest" or "older" while they are asked for. before.current() is called before older ones are
// put in front of what is seen.
export function useMessages(id) {
  const path = `/v1/conversations/${id}/messages`;
  const [state, setState] = useState({ chunks: [], reading: "newest" });
  const before = useRef(() => {});
  const read = async (reading, query, take) => {
    setState((known) => ({ ...known, reading, error: undefined }));
    try {
      const { data, next_cursor: next } = await get(path, query);
      setState((known) => ({ ...known, ...take(known, data.toReversed(), next), reading: null }));
    } catch (error) {
      setState((known) => ({ ...known, reading: null, error }));
    }
  };
  const newest = useCallback(
    () =>
      read("newest", { limit: FIRST }, ({ chunks }, messages, next) => {
        const known = new Set(chunks.flat().map((message) => message.id));
        const meets = messages.some((message) => known.has(message.id)) || (chunks.length && !next);
        return meets ? { chunks: merged(chunks, messages) } : { chunks: chunksOf(messages), cursor: next };
      }),
    [path],
  );
  const older = () =>
    read("older", { limit: MORE, cursor: state.cursor }, ({ chunks, cursor }, messages, next) => {
      if (cursor !== state.cursor) return {}; // it came twice
      before.current();
      return { chunks: [...chunksOf(messages), ...chunks], cursor: next };
    });
  useEffect(() => void newest(), [newest]);
  const put = (...changed) => setState((known) => ({ ...known, chunks: merged(known.chunks, changed) }));
  return { ...state, newest, older: state.cursor && !state.reading && !state.error ? older : null, put, before };
}

// What plays or has the focus stays, wherever it is.
const isInUse = (box) => box.contains(document.activeElement) || [...box.querySelectorAll("audio")].some((player) => !player.paused);

// Where the browser does not keep what one reads in its place when something above it becomes higher.
const keepsPlace = CSS.supports("overflow-anchor", "auto");

// isLast: what is added there is new, and told to who hears the page; older ones that come back are not.
function Chunk({ messages, isLast, sought, watch }) {
  const [height, setHeight] = useState(null); // of one that is far away
  const box = useRef();
  useEffect(
    () =>
      watch(box.current, ({ isIntersecting, boundingClientRect }) => {
        if (isIntersecting) setHeight(null);
        else if (!isInUse(box.current)) setHeight((known) => known ?? boundingClientRect.height);
      }),
    [],
  );
  const isFar = height !== null && !sought;
  const before = useRef(0);
  useLayoutEffect(() => {
    const scroller = box.current.closest(".messages");
    const { top, height: now } = box.current.getBoundingClientRect();
    if (!keepsPlace && before.current && top < scroller.getBoundingClientRect().top) scroller.scrollTop += now - before.current;
    before.current = now;
  }, [isFar]);
  return html`<ol ref=${box} aria-live=${isLast ? undefined : "off"} style=${{ height: isFar ? `${height}px` : "" }}>
    ${!isFar && messages.map((each) => html`<${Message} key=${each.id} message=${each} sought=${each.id === sought} />`)}
  </ol>`;
}

// Calls back when an element comes near what is seen of the scroller, and when it goes.
function useNearness(scroller) {
  const own = useRef(null);
  useEffect(() => () => own.current?.observer.disconnect(), []);
  return useCallback((element, heard) => {
    if (!own.current) {
      const tellers = new Map();
      const observer = new IntersectionObserver((entries) => entries.forEach((entry) => tellers.get(entry.target)?.(entry)), { root: scroller.current, rootMargin: `${AHEAD}px 0px` });
      own.current = { tellers, observer };
    }
    own.current.tellers.set(element, heard);
    own.current.observer.observe(element);
    return () => {
      own.current.tellers.delete(element);
      own.current.observer.unobserve(element);
    };
  }, []);
}

// toEnd: a ref; toEnd.current() makes the view follow what comes. children: what comes behind the messages.
export function Messages({ list, toEnd, busy, children }) {
  const { chunks, older, before } = list;
  const waits = list.reading === "older" || (list.reading && !chunks.length); // what is read anew is there meanwhile
  const scroller = useRef();
  const inner = useRef();
  const own = useRef({ follows: true, top: 0, below: null }).current;
  const watch = useNearness(scroller);
  const { hash: sought } = useSignal(place);
  const isThere = chunks.some((chunk) => chunk.some(({ id }) => id === sought));
  const drawn = useMemo(
    () =>
      chunks.map((chunk, index) => {
        const own = chunk.some(({ id }) => id === sought) && sought;
        return html`<${Chunk} key=${chunk[0].id} messages=${chunk} isLast=${index === chunks.length - 1} sought=${own} watch=${watch} />`;
      }),
    [chunks, sought],
  );

  const follow = () => {
    if (!own.follows) return;
    scroller.current.scrollTop = scroller.current.scrollHeight;
    own.top = scroller.current.scrollTop; // whoever scrolls up before this is told as a scroll of its own, does scroll up
  };
  toEnd.current = () => {
    own.follows = true;
    follow();
  };
  before.current = () => (own.below = scroller.current.scrollHeight - scroller.current.scrollTop);
  useEffect(() => {
    const grown = new ResizeObserver(follow);
    grown.observe(scroller.current);
    grown.observe(inner.current);
    return () => grown.disconnect();
  }, []);
  // What one reads stays where it is when older messages come above it.
  useLayoutEffect(() => {
    if (own.below !== null) scroller.current.scrollTop = scroller.current.scrollHeight - own.below;
    own.below = null;
  }, [chunks[0]]);
  useEffect(() => {
    if (!isThere) return;
    own.follows = false;
    document.getElementById(sought).scrollIntoView({ block: "center" });
  }, [sought, isThere]);
  // Nobody scrolls who is at the beginning already, or who looks for what is not there yet.
  useEffect(() => {
    const isEarly = !own.follows && scroller.current.scrollTop < EARLY;
    if (isEarly || (sought && !isThere && sought < chunks[0]?.[0].id)) older?.();
  });

  const onScroll = ({ target }) => {
    const isUp = target.scrollTop < own.top;
    own.top = target.scrollTop;
    if (target.scrollHeight - target.scrollTop - target.clientHeight < NEAR) own.follows = true;
    else if (isUp) own.follows = false;
    if (target.scrollTop < EARLY) older?.();
  };
  return html`<div class="messages" ref=${scroller} onScroll=${onScroll} tabindex="0" role="log" aria-label=${t("Messages")} aria-busy=${busy}>
    <div ref=${inner}>
      ${list.error && html`<${Failed} error=${list.error} again=${list.newest} />`} ${waits && html`<div class=${chunks.length ? "above" : ""}><${Loading} /></div>`} ${drawn}
      <ol>${children}</ol>
    </div>
  </div>`;
}
