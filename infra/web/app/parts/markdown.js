// Markdown of people and models. Nothing of it runs, and nothing of it is fetched: the parser's HTML goes through DOMPurify, and the page's policy
// (Trusted Types) lets no other HTML in.
import { html, useEffect, useMemo, useRef } from "../html.js";
import { t } from "../i18n.js";
import { Marked } from "../../vendor/marked.js";
import DOMPurify from "../../vendor/purify.js";

const parser = new Marked({ gfm: true, breaks: true, async: false });
const LINKS = /^(?:https?|mailto):/i;

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  }
});

const ALLOWED = {
  ALLOWED_TAGS: [
    ..."a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i li ol p pre s span strong sub sup table tbody td th thead tr u ul".split(" "),
  ],
  ALLOWED_ATTR: ["href", "title", "start", "align"],
  ALLOWED_URI_REGEXP: LINKS,
  RETURN_TRUSTED_TYPE: true,
};

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const PLAIN_TAG = /^<\/?(?:b|br|del|em|i|s|strong|sub|sup|u)\s*\/?>$/i;
parser.use({
  renderer: {
    // A picture would tell its server who reads this: its description stands in its place.
    image: ({ text, title }) => escaped(text || title || ""),
    // HTML is shown as it was written. The sanitizer would drop what is dangerous in it, but the browser reports already what it parses.
    html: ({ text }) => (PLAIN_TAG.test(text.trim()) ? text : escaped(text)),
  },
});

export const safeHtml = (text) => DOMPurify.sanitize(parser.parse(text), ALLOWED);

export function Markdown({ text }) {
  const own = useRef();
  const shown = useMemo(() => safeHtml(text), [text]);
  useEffect(() => {
    for (const block of own.current.querySelectorAll("pre")) {
      if (block.querySelector("button")) continue;
      const copy = document.createElement("button");
      copy.type = "button";
      copy.className = "copy";
      copy.textContent = t("Copy");
      copy.onclick = async () => {
        await navigator.clipboard.writeText(block.querySelector("code")?.textContent ?? "");
        copy.textContent = t("Copied");
        setTimeout(() => (copy.textContent = t("Copy")), 2_000);
      };
      block.append(copy);
    }
  }, [shown]);
  return html`<div class="markdown" dir="auto" ref=${own} dangerouslySetInnerHTML=${{ __html: shown }}></div>`;
}
