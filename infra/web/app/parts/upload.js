import { get, post, send } from "../api.js";
import { t } from "../i18n.js";
import { news } from "../live.js";

const TRIES = 3;

// A media item of the file, once it has arrived. progress(part): 0–1. A broken upload is tried again.
export async function uploaded(file, purpose, progress, aborted) {
  const media = await post("/v1/uploads", { filename: file.name || "file", content_type: file.type || "application/octet-stream", size: file.size, purpose });
  await sent(media, file, progress, aborted);
  return media;
}

// Sends the file to where a job or a media item wants it, again if the connection broke.
export async function sent(upload, file, progress, aborted) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send(upload, file, progress, aborted);
    } catch (error) {
      if (error.name === "AbortError" || error.status || attempt >= TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1_000 * attempt));
    }
  }
}

// The media item once it was looked into. Throws where it is not what it should be.
export async function inspected(id, aborted) {
  for await (const _ of news(id, aborted)) {
    const media = await get(`/v1/media/${id}`, {}, { signal: aborted });
    if (media.status === "ready") return media;
    if (media.status === "rejected") throw new Error(media.error?.detail ?? t("The file was refused."));
  }
  throw aborted.reason;
}
