// The microphone: one recording at a time, as a file of the format that the browser writes.
import { useEffect, useRef, useState } from "../html.js";
import { t } from "../i18n.js";
import { say, sayError } from "./toast.js";

const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const ENDINGS = { "audio/webm": "webm", "audio/mp4": "m4a", "audio/ogg": "ogg" };

// Why there is no recording, in words.
export function sayNotRecorded(error) {
  if (error.name === "NotAllowedError") say(t("The browser may not use the microphone. Allow it in the address bar."), "failed");
  else if (error.name === "NotFoundError") say(t("There is no microphone."), "failed");
  else sayError(error);
}

export function useRecorder() {
  const [seconds, setSeconds] = useState(null);
  const own = useRef(null);

  const free = () => {
    clearInterval(own.current?.ticking);
    own.current?.stream.getTracks().forEach((track) => track.stop());
    own.current = null;
    setSeconds(null);
  };
  useEffect(() => free, []);

  // Throws where there is no microphone or no permission.
  const start = async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const recorder = new MediaRecorder(stream, mimeType ? { mimeType } : {});
    const pieces = [];
    recorder.ondataavailable = ({ data }) => data.size && pieces.push(data);
    const begun = Date.now();
    const ticking = setInterval(() => setSeconds((Date.now() - begun) / 1000), 250);
    own.current = { stream, recorder, pieces, ticking };
    recorder.start(1_000);
    setSeconds(0);
  };

  const finish = () =>
    new Promise((resolve) => {
      const { recorder, pieces } = own.current;
      recorder.onstop = () => {
        const type = recorder.mimeType.split(";")[0];
        free();
        const name = `${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.${ENDINGS[type] ?? "webm"}`;
        resolve(new File(pieces, name, { type }));
      };
      recorder.stop();
    });

  return { seconds, recording: seconds !== null, start, finish, drop: free };
}
