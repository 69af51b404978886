import { html } from "../html.js";

const PATHS = {
  chat: "M4 5h16v11H9l-5 4z",
  transcripts: "M6 3h9l4 4v14H6zM9 12h7M9 16h7M9 8h3",
  speech: "M4 9v6h4l5 4V5L8 9zM16.5 8.5a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12",
  editor: "M4 12h2m2-5v10m3-13v16m3-12v8m3-11v14m3-9h1",
  documents: "M5 4h6l2 2h6v14H5z",
  webhooks: "M9 8a3.5 3.5 0 1 1 5 3l-2.5 5M6.5 13.5a3.5 3.5 0 1 0 4 4.5h5M15 14a3.5 3.5 0 1 1-2 5.5",
  devices: "M7 3h10v18H7zM11 18h2",
  usage: "M4 20h16M6 20v-6m4 6V8m4 12v-9m4 9V5",
  keys: "M14.5 4a5.5 5.5 0 1 1-4 9.3L4 20v-3h3v-3h2.2A5.5 5.5 0 0 1 14.5 4zM16 8h.01",
  dashboard: "M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z",
  admin: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z",
  settings: "M12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM12 3v3m0 12v3M3 12h3m12 0h3M5.6 5.6l2.1 2.1m8.6 8.6l2.1 2.1m0-12.8l-2.1 2.1M7.7 16.3l-2.1 2.1",
  search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.5L20 20",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  back: "M15 5l-7 7 7 7",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  send: "M5 12h13M12 5l7 7-7 7",
  stop: "M7 7h10v10H7z",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  mic: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v4",
  attach: "M8 12.5l6-6a3 3 0 0 1 4.5 4.5l-8 8a5 5 0 0 1-7-7L11 4.5",
  download: "M12 4v11m-5-5l5 5 5-5M5 20h14",
  upload: "M12 16V5m-5 5l5-5 5 5M5 20h14",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  archive: "M4 5h16v4H4zM6 9v10h12V9M10 13h4",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 12.5l5 5L19 7",
  edit: "M5 19l1-4L16 5l3 3L9 18z",
  refresh: "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5",
  warning: "M12 4l9 16H3zM12 10v4M12 17h.01",
  person: "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4 20c1-4 4-6 8-6s7 2 8 6",
  out: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
};

const POINTS = new Set(["back", "out", "send"]); // in the direction of the text

export const Icon = ({ name }) => html`<svg class="icon ${POINTS.has(name) ? "points" : ""}" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
