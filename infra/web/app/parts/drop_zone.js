import { html, useRef, useState } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icon.js";

// Where files are dropped or chosen, several at once.
export function DropZone({ accept, onFiles, title, children }) {
  const [over, setOver] = useState(false);
  const input = useRef();
  const take = (files) => files.length && onFiles([...files]);
  const onDrop = (event) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  const onDragOver = (event) => {
    event.preventDefault();
    setOver(true);
  };
  const onChange = ({ target }) => {
    take(target.files);
    target.value = "";
  };
  return html`<div class="drop ${over ? "over" : ""}" onDrop=${onDrop} onDragOver=${onDragOver} onDragLeave=${() => setOver(false)}>
    <h2>${title}</h2>
    <div class="actions">
      <button class="primary" onClick=${() => input.current.click()}><${Icon} name="upload" /> ${t("Choose files")}</button>
      ${children}
    </div>
    <input ref=${input} type="file" multiple accept=${accept} class="visually-hidden" tabindex="-1" aria-label=${t("Files")} onChange=${onChange} />
  </div>`;
}
