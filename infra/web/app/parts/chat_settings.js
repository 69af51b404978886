import { get, post, remove } from "../api.js";
import { html, useState } from "../html.js";
import { t } from "../i18n.js";
import { Dialog, Field, Form } from "./dialog.js";
import { Icon } from "./icon.js";
import { Failed, Loading, useLoad } from "./load.js";
import { say, sayError } from "./toast.js";

const read = ({ temperature, top_p, max_output_tokens, system_prompt }) => ({
  ...(temperature ? { temperature: Number(temperature) } : {}),
  ...(top_p ? { top_p: Number(top_p) } : {}),
  ...(max_output_tokens ? { max_output_tokens: Number(max_output_tokens) } : {}),
  ...(system_prompt?.trim() ? { system_prompt: system_prompt.trim() } : {}),
});

// Model and settings of a conversation, and presets of both.
export function ChatSettings({ about, change, onClose }) {
  const [shown, setShown] = useState({ model: about.model, settings: about.settings, turn: 0 });
  const known = useLoad(
    async (aborted) => {
      const [models, presets] = await Promise.all([get("/v1/models", {}, { signal: aborted }), get("/v1/presets", { limit: 100 }, { signal: aborted })]);
      return { models: models.data, presets: presets.data };
    },
    [],
  );
  const submit = (values) => change({ ...(values.model ? { model: values.model } : {}), settings: read(values) });
  const keep = async ({ name, ...values }) => {
    const made = await post("/v1/presets", { name, ...(values.model ? { model: values.model } : {}), settings: read(values) });
    known.set((all) => ({ ...all, presets: [made, ...all.presets] }));
    say(t("The preset is kept."));
  };
  const onKeep = (event) => {
    const form = event.target.closest("form");
    const name = form.elements.name.value.trim();
    if (name) keep(Object.fromEntries(new FormData(form))).catch(sayError);
  };
  const drop = (preset) =>
    remove(`/v1/presets/${preset.id}`).then(() => known.set((all) => ({ ...all, presets: all.presets.filter((each) => each !== preset) })), sayError);
  const { settings } = shown;
  return html`<${Dialog} title=${t("Model and settings")} onClose=${onClose} wide>
    ${known.error && html`<${Failed} error=${known.error} again=${known.reload} />`} ${!known.data && !known.error && html`<${Loading} />`}
    ${known.data &&
    html`<${Form} key=${shown.turn} submit=${submit} onDone=${onClose} button=${t("Save")}>
      ${known.data.presets.length > 0 &&
      html`<div class="chips" role="group" aria-label=${t("Presets")}>
        ${known.data.presets.map(
          (preset) => html`<span class="chip" key=${preset.id}>
            <button type="button" class="link" dir="auto" onClick=${() => setShown({ model: preset.model, settings: preset.settings, turn: shown.turn + 1 })}>${preset.name}</button>
            <button type="button" class="quiet icon-only" aria-label=${t("Delete {name}", { name: preset.name })} onClick=${() => drop(preset)}><${Icon} name="close" /></button>
          </span>`,
        )}
      </div>`}
      <${Field} label=${t("Model")}>
        <select name="model">
          <option value="" selected=${!shown.model}>${t("The first one that is configured")}</option>
          ${known.data.models.map(
            (model) => html`<option value=${model.id} selected=${model.id === shown.model} disabled=${!model.configured}>${model.id} · ${model.capabilities.join(", ")}</option>`,
          )}
        </select>
      <//>
      <${Field} label=${t("Instructions")} hint=${t("What the model should always keep to.")}><textarea name="system_prompt" rows="3" maxlength="20000" dir="auto" defaultValue=${settings.system_prompt ?? ""}></textarea><//>
      <div class="columns">
        <${Field} label=${t("Temperature")}><input name="temperature" type="number" min="0" max="2" step="0.1" defaultValue=${settings.temperature ?? ""} /><//>
        <${Field} label="Top-p"><input name="top_p" type="number" min="0.01" max="1" step="0.01" defaultValue=${settings.top_p ?? ""} /><//>
        <${Field} label=${t("Longest answer (tokens)")}><input name="max_output_tokens" type="number" min="1" max="65536" defaultValue=${settings.max_output_tokens ?? ""} /><//>
      </div>
      <div class="columns">
        <${Field} label=${t("Keep as a preset named")}><input name="name" maxlength="100" dir="auto" /><//>
        <button type="button" onClick=${onKeep}>${t("Keep the preset")}</button>
      </div>
    <//>`}
  <//>`;
}
