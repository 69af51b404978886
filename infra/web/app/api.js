// The public API, and nothing else: whatever the app does, a program can do too.
import { signal } from "./signal.js";
import { signedInAgain, token } from "./session.js";

export const online = signal(navigator.onLine);
addEventListener("online", () => online.set(true));
addEventListener("offline", () => online.set(false));

// What the API refused, in its own words. code: stable; fields: which fields are wrong.
export class ApiError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem?.detail || problem?.title || `HTTP ${status}`);
    Object.assign(this, { status, code: problem?.code ?? "", fields: problem?.errors ?? [], requestId: problem?.request_id });
    this.retryAfter = retryAfter;
  }
}

// The server could not be reached.
export class Offline extends Error {}

const TRIES = 3;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function address(path, query) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") found.set(name, value);
  }
  return found.size ? `${path}?${found}` : path;
}

// The raw answer of a good request. A repeat after a broken connection carries the key of the first, so nothing is done twice.
export async function request(method, path, { body, query, headers = {}, signal: aborted } = {}) {
  const key = method === "POST" ? { "Idempotency-Key": crypto.randomUUID() } : {};
  const sent = body === undefined ? {} : { "Content-Type": "application/json" };
  let anew = false;
  for (let attempt = 1; ; attempt += 1) {
    let answer;
    try {
      const bearer = await token({ anew });
      if (!bearer) {
        await signedInAgain();
        if (!(await token())) throw new ApiError(401, { code: "unauthorized", title: "Sign in" });
        continue;
      }
      answer = await fetch(address(path, query), {
        method,
        headers: { Authorization: `Bearer ${bearer}`, ...sent, ...key, ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: aborted,
      });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      if (attempt >= TRIES) {
        online.set(false);
        throw new Offline("The server cannot be reached.");
      }
      await pause(300 * 2 ** attempt);
      continue;
    }
    online.set(true);
    if (answer.ok) return answer;
    if (answer.status === 401 && !anew) {
      anew = true;
      continue;
    }
    const problem = await answer.json().catch(() => null);
    const after = Number(answer.headers.get("Retry-After")) || 0;
    if (answer.status === 503 && attempt < TRIES) {
      await pause(Math.min(after || 1, 5) * 1000);
      continue;
    }
    throw new ApiError(answer.status, problem, after);
  }
}

async function call(method, path, options) {
  const answer = await request(method, path, options);
  return answer.status === 204 ? null : answer.json();
}

export const get = (path, query, options = {}) => call("GET", path, { query, ...options });
export const post = (path, body = {}, options = {}) => call("POST", path, { body, ...options });
export const patch = (path, body) => call("PATCH", path, { body });
export const remove = (path, body) => call("DELETE", path, { body });

// Server-sent events of an answer, as {event, data, id}. Lines may end in any of the three ways, anywhere in a piece.
export async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      rest += value ?? "";
      const blocks = rest.split(/\r\n\r\n|\n\n|\r\r/);
      rest = done ? "" : blocks.pop();
      for (const block of blocks) {
        const fields = { event: "message", data: [], id: undefined };
        for (const line of block.split(/\r\n|\n|\r/)) {
          const [, name, text] = /^([^:]+):? ?(.*)$/.exec(line) ?? [];
          if (name === "data") fields.data.push(text);
          else if (name === "event" || name === "id") fields[name] = text;
        }
        if (fields.data.length) yield { ...fields, data: JSON.parse(fields.data.join("\n")) };
      }
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => null); // the stream may have broken already; then there is nothing to cancel
  }
}

// Sends a file to where `upload` says, in one request or in parts; progress(part) with 0–1.
export async function send(upload, file, progress = () => {}, aborted) {
  if (upload.method === "POST") {
    const form = new FormData();
    for (const [name, value] of Object.entries(upload.fields)) form.append(name, value);
    form.append("file", file);
    return put("POST", upload.url, form, progress, aborted);
  }
  for (const { number, url } of upload.parts) {
    if (upload.received.includes(number)) continue;
    const start = (number - 1) * upload.part_size;
    const part = file.slice(start, start + upload.part_size);
    await put("PUT", url, part, (share) => progress((start + share * part.size) / file.size), aborted);
    upload.received.push(number); // a further try goes on behind it
  }
  const { pathname, search } = new URL(upload.complete_url);
  await request("POST", pathname + search, { signal: aborted });
}

function put(method, url, body, progress, aborted) {
  return new Promise((resolve, reject) => {
    const way = new XMLHttpRequest();
    way.open(method, url);
    way.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    way.onload = () =>
      way.status < 300 ? resolve() : reject(new ApiError(way.status, { code: "upload_refused", detail: /<Message>([^<]*)/.exec(way.responseText)?.[1] }));
    way.onerror = () => reject(new Offline("The upload was interrupted."));
    way.onabort = () => reject(new DOMException("", "AbortError"));
    aborted?.addEventListener("abort", () => way.abort());
    way.send(body);
  });
}

// Saves an answer of the API as a file.
export async function download(path, query, filename) {
  const answer = await request("GET", path, { query });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
