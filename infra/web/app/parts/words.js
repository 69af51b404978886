// Errors in words, with what to do next.
import { ApiError, Offline } from "../api.js";
import { t } from "../i18n.js";

export function inWords(error) {
  if (error instanceof Offline) return t("The server cannot be reached. What you wrote is kept; try again when you are online.");
  if (error instanceof ApiError && error.code === "rate_limited") {
    return t("That was a bit fast. Try again in {seconds} seconds.", { seconds: error.retryAfter || 1 });
  }
  if (error instanceof ApiError && error.status >= 500) {
    return t("Something went wrong on our side. Try again in a moment. (Request {id})", { id: error.requestId ?? "?" });
  }
  return error.message || String(error);
}
