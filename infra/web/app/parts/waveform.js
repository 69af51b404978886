import { html, useEffect, useRef } from "../html.js";
import { t } from "../i18n.js";
import { theme } from "../theme.js";
import { useSignal } from "../signal.js";

const KEYS = { ArrowLeft: -1, ArrowRight: 1 };

// Peaks of a recording, as pairs of lowest and highest value, with what is chosen and where it plays. choose({start, end}): seconds.
export function Waveform({ peaks, duration, chosen, at, choose }) {
  const canvas = useRef();
  const drag = useRef(null);
  const look = useSignal(theme);

  useEffect(() => {
    const draw = () => {
      const surface = canvas.current;
      const { clientWidth: width, clientHeight: height } = surface;
      surface.width = width * devicePixelRatio;
      surface.height = height * devicePixelRatio;
      const pen = surface.getContext("2d");
      pen.scale(devicePixelRatio, devicePixelRatio);
      const colours = getComputedStyle(surface);
      const x = (seconds) => (seconds / duration) * width;
      if (chosen) {
        pen.fillStyle = colours.getPropertyValue("--chosen");
        pen.fillRect(x(chosen.start), 0, Math.max(1, x(chosen.end) - x(chosen.start)), height);
      }
      pen.fillStyle = colours.color;
      const step = width / peaks.length;
      peaks.forEach(([low, high], index) => pen.fillRect(index * step, ((1 - high) * height) / 2, Math.max(1, step * 0.8), Math.max(1, ((high - low) * height) / 2)));
      if (at !== null) {
        pen.fillStyle = colours.getPropertyValue("--now");
        pen.fillRect(x(at), 0, 2, height);
      }
    };
    draw();
    const watcher = new ResizeObserver(draw);
    watcher.observe(canvas.current);
    return () => watcher.disconnect();
  }, [peaks, duration, chosen, at, look]);

  const secondsAt = ({ clientX }) => {
    const box = canvas.current.getBoundingClientRect();
    return Math.min(Math.max(0, ((clientX - box.left) / box.width) * duration), duration);
  };
  const onPointerDown = (event) => {
    canvas.current.setPointerCapture(event.pointerId);
    drag.current = secondsAt(event);
    choose(null);
  };
  const onPointerMove = (event) => {
    if (drag.current === null) return;
    const [start, end] = [drag.current, secondsAt(event)].sort((a, b) => a - b);
    if (end - start > duration / 400) choose({ start, end });
  };
  const onPointerUp = () => (drag.current = null);
  // With the keyboard: arrows move the end of the choice, with Shift its start.
  const onKeyDown = (event) => {
    const step = (KEYS[event.key] ?? 0) * (duration / 100);
    if (!step) return;
    event.preventDefault();
    const { start = 0, end = 0 } = chosen ?? {};
    const moved = event.shiftKey ? { start: Math.min(Math.max(0, start + step), end), end } : { start, end: Math.min(Math.max(start, end + step), duration) };
    choose(moved.end > moved.start ? moved : null);
  };
  return html`<canvas
    class="wave"
    dir="ltr"
    ref=${canvas}
    tabindex="0"
    role="application"
    aria-label=${t("Waveform: drag, or use the arrow keys (with Shift for the start), to choose a part")}
    onPointerDown=${onPointerDown}
    onPointerMove=${onPointerMove}
    onPointerUp=${onPointerUp}
    onKeyDown=${onKeyDown}
  ></canvas>`;
}
