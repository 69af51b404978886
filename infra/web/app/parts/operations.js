// The operations of the editor that need no part to be chosen, and how each is said.
import { number, said, t } from "../i18n.js";

const one = (name, title, min, max) => ({ name, title, min, max });

export const OPERATIONS = [
  { name: "normalize", title: said("Normalise the loudness"), fields: [one("lufs", said("Loudness (LUFS)"), -70, -5)], defaults: { lufs: -16 }, make: ({ lufs }) => ({ op: "normalize", lufs: Number(lufs) }) },
  { name: "gain", title: said("Louder or softer"), fields: [one("db", said("Decibels"), -60, 60)], defaults: { db: 3 }, make: ({ db }) => ({ op: "gain", db: Number(db) }) },
  { name: "denoise", title: said("Less noise"), fields: [one("reduction_db", said("Decibels"), 1, 40)], defaults: { reduction_db: 12 }, make: ({ reduction_db }) => ({ op: "denoise", reduction_db: Number(reduction_db) }) },
  {
    name: "fade",
    title: said("Fade in and out"),
    fields: [one("in", said("Seconds at the start"), 0, 3600), one("out", said("Seconds at the end"), 0, 3600)],
    defaults: { in: 1, out: 1 },
    make: (values) => ({ op: "fade", in: Number(values.in), out: Number(values.out) }),
  },
  { name: "speed", title: said("Speed"), fields: [one("factor", said("Factor"), 0.25, 4)], defaults: { factor: 1.25 }, make: ({ factor }) => ({ op: "speed", factor: Number(factor) }) },
  { name: "pitch", title: said("Pitch"), fields: [one("semitones", said("Semitones"), -24, 24)], defaults: { semitones: 2 }, make: ({ semitones }) => ({ op: "pitch", semitones: Number(semitones) }) },
  { name: "channels", title: said("Channels"), fields: [{ name: "to", title: said("To"), choices: ["mono", "stereo", "left", "right", "swap"] }], defaults: { to: "mono" }, make: ({ to }) => ({ op: "channels", to }) },
  { name: "reverse", title: said("Backwards"), fields: [], defaults: {}, make: () => ({ op: "reverse" }) },
  { name: "convert", title: said("Another format"), fields: [{ name: "format", title: said("Format"), choices: ["mp3", "opus", "aac", "flac", "wav"] }], defaults: { format: "mp3" }, make: ({ format }) => ({ op: "convert", format }) },
];

export function inWords({ op, ...values }) {
  const { title } = OPERATIONS.find(({ name }) => name === op);
  const shown = Object.values(values).map((value) => (typeof value === "number" ? number(value) : value));
  return [t(title), ...shown].join(" · ");
}
