// What happens to a person's things, as it happens: one WebSocket of the tab. While there is none, everything is looked at anew every few seconds.
import { expired, token, user } from "./session.js";
import { signal } from "./signal.js";

export const JOBS = "jobs"; // the channel of jobs, media and the account
export const CONVERSATIONS = "conversations"; // of the messages of all of them; the others are conversations, runs and devices by their ids

// closed: nobody is signed in. opening. open. lost: it broke, and the first attempt to come back failed too.
export const line = signal("closed");

const SLOW = 5_000; // between two looks while there is no connection
const LONGEST = 30_000; // between two attempts to connect
const SILENT = 240_000; // a connection on which nobody speaks for ten minutes is ended by the gateway
const PATIENCE = 10_000; // for the answer to a ping
const REMEMBERED = 500; // ids of events: a replay repeats the last minute

const followers = new Map();
const seen = new Set();
let socket = null;
let whose = null;
let turn = 0;
let asking = false;
let failures = 0;
let last;
let next = 0;
let unanswered = 0;

// heard(event) for each event of the channel; heard(null): something may have been missed, look anew. Gives what ends it.
export function follow(channel, heard) {
  const all = followers.get(channel) ?? new Set();
  followers.set(channel, all.add(heard));
  if (all.size === 1) subscribe(channel);
  return () => {
    all.delete(heard);
    if (!all.size) followers.delete(channel); // it stays subscribed: what one says in a row need not arrive in a row
  };
}

// Comes round at once, and again whenever something has happened to the thing of this id.
export async function* news(id, aborted) {
  let isNew = true;
  let wake = () => {};
  const stir = () => {
    isNew = true;
    wake();
  };
  const stop = follow(JOBS, (event) => (!event || event.data.id === id) && stir());
  aborted?.addEventListener("abort", stir);
  try {
    for (;;) {
      if (!isNew) await new Promise((resolve) => (wake = resolve));
      if (aborted?.aborted) return;
      isNew = false;
      yield;
    }
  } finally {
    stop();
  }
}

const tell = (channel, event) => [...(followers.get(channel) ?? [])].forEach((heard) => heard(event));
const tellAll = () => [...followers.keys()].forEach((channel) => tell(channel, null));

function say(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// What was missed behind the last event comes first. Where there was none yet, `ref` says who has to look anew as soon as the channel is live.
const subscribe = (channel) => say({ action: "subscribe", channels: [channel], ...(last ? { since: last } : { ref: channel }) });
const subscribeAll = () => [...new Set([JOBS, ...followers.keys()])].forEach(subscribe);

function hear({ data }) {
  clearTimeout(unanswered);
  const frame = JSON.parse(data);
  if (frame.type === "error") return refused(frame);
  if (frame.type === "subscribed") {
    failures = 0;
    line.set("open");
    return tell(frame.ref, null);
  }
  if (!frame.id || seen.has(frame.id)) return;
  seen.add(frame.id);
  if (seen.size > REMEMBERED) seen.delete(seen.values().next().value);
  if (!(frame.id < last)) last = frame.id;
  const about = [frame.data.conversation_id, frame.data.device_id].filter(Boolean);
  const wide = { message: [CONVERSATIONS], device: [] }[frame.type.split(".")[0]] ?? [JOBS];
  [...wide, ...about].forEach((channel) => tell(channel, frame));
}

function refused({ code }) {
  if (code === "since_too_old" && last) {
    last = undefined;
    subscribeAll();
  } else if (code === "too_many_channels") {
    drop(); // the next connection has only those that are still followed
  } else if (code === "replaced") {
    failures = 10; // there are more tabs than connections: no race for them
  }
}

async function connect() {
  if (!user.value || expired.value || !navigator.onLine || socket || asking) return;
  const mine = turn;
  clearTimeout(next);
  line.set(failures > 1 ? "lost" : "opening");
  asking = true; // a new token is told to all who follow `user`, here too
  // One that was refused may have been signed out elsewhere: a new token tells. Where the server does not answer, the requests say so.
  const bearer = await token({ anew: failures === 2 }).catch(() => "");
  asking = false;
  if (mine !== turn) return void connect(); // somebody else has signed in meanwhile
  if (bearer === "") return later();
  if (!bearer) return;
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws`, ["antiphon.v1", `bearer.${bearer}`]);
  socket.onopen = subscribeAll;
  socket.onmessage = hear;
  socket.onclose = drop;
}

function hangUp() {
  clearTimeout(unanswered);
  clearTimeout(next);
  turn += 1;
  if (!socket) return;
  const old = socket;
  socket = null;
  old.onmessage = old.onclose = null;
  old.onopen = () => old.close(); // browsers warn of one that is closed before it is open
  if (old.readyState !== WebSocket.CONNECTING) old.close();
}

function drop() {
  hangUp();
  later();
}

function later() {
  failures += 1;
  line.set(failures > 1 ? "lost" : "opening");
  next = setTimeout(connect, Math.random() * Math.min(LONGEST, 500 * 2 ** failures));
}

// Whether the other side is still there: a connection may break without a word, as when a laptop sleeps.
function probe() {
  if (!socket) return void connect();
  if (line.value !== "open") return;
  say({ action: "ping" });
  clearTimeout(unanswered);
  unanswered = setTimeout(drop, PATIENCE);
}

const isSeen = () => document.visibilityState === "visible";
addEventListener("online", probe);
document.addEventListener("visibilitychange", () => isSeen() && probe());
setInterval(probe, SILENT);
setInterval(() => line.value !== "open" && isSeen() && tellAll(), SLOW);

function meet(who) {
  if (who?.id !== whose) {
    hangUp();
    seen.clear();
    [whose, last, failures] = [who?.id, undefined, 0];
    line.set("closed");
  }
  connect();
}
user.follow(meet);
expired.follow((lapsed) => lapsed || connect());
