import { el } from "./dom.js";

const STEP = 6; // pixels that an arrow key moves the pen
const PALM = 1000; // milliseconds after a pen in which a touch is the palm of its hand

/**
 * A canvas to write on, by pen, finger, mouse or keyboard. `strokes` holds lists of [x, y]; the
 * event "ink" is sent when the pen was lifted, "pen" when it was set down.
 */
export class Ink {
  constructor(place) {
    this.place = place;
    this.strokes = [];
    this.widths = [];
    this.active = null;
    this.cursor = null;
    this.marked = null; // points that are shown in another colour: {start, stop}
    this.lastPen = -Infinity;
    this.canvas = el("canvas", { tabindex: 0, role: "application", "aria-label":
      `${place.dataset.label}. With the keyboard: arrow keys move the pen, the space bar sets it ` +
      "down and lifts it." });
    place.append(this.canvas);
    this.pen = this.canvas.getContext("2d");
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    const on = (name, act) => this.canvas.addEventListener(name, act);
    on("pointerdown", (event) => this.begin(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.end(event));
    on("pointercancel", (event) => this.end(event));
    on("keydown", (event) => this.key(event));
    on("lostpointercapture", (event) => this.end(event));
    on("blur", () => { this.liftKey(); this.cursor = null; this.draw(); });
  }

  resize() {
    const scale = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth) return;
    this.canvas.width = clientWidth * scale;
    this.canvas.height = clientHeight * scale;
    this.pen.scale(scale, scale);
    this.draw();
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top].map((x) => Math.round(10 * x) / 10);
  }

  begin(event) {
    if (event.button) return;
    event.preventDefault();
    const isPalm = event.pointerType === "touch" && event.timeStamp - this.lastPen < PALM;
    this.liftKey();
    if (this.active !== null || isPalm) return; // a second finger does not write
    if (event.pointerType === "pen") this.lastPen = event.timeStamp;
    this.canvas.focus({ preventScroll: true });
    try { this.canvas.setPointerCapture(event.pointerId); } catch { /* a made-up pointer */ }
    this.active = event.pointerId;
    this.down(this.at(event), width(event));
  }

  down(point, thick) {
    this.strokes.push([point]);
    this.widths.push([thick]);
    this.place.dispatchEvent(new Event("pen"));
    this.draw();
  }

  move(event) {
    if (event.pointerId !== this.active) return;
    if (event.pointerType === "pen") this.lastPen = event.timeStamp;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length ? all : [event]) this.add(this.at(one), width(one));
  }

  add(point, thick) {
    const stroke = this.strokes.at(-1);
    const before = stroke.at(-1);
    if (Math.hypot(point[0] - before[0], point[1] - before[1]) < 0.5) return;
    stroke.push(point);
    this.widths.at(-1).push(thick);
    this.piece(before, point, thick);
  }

  end(event) {
    if (event.pointerId !== this.active) return;
    this.active = null;
    this.changed();
  }

  /** Lift the pen that the space bar has set down. */
  liftKey() {
    if (this.active === "key") this.end({ pointerId: "key" });
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const { clientWidth, clientHeight } = this.canvas;
    this.cursor ??= [30, clientHeight * 0.6];
    if (event.key === " ") {
      event.preventDefault();
      if (this.active === "key") this.liftKey();
      else if (this.active === null) { this.active = "key"; this.down([...this.cursor], 2.4); }
    } else if (event.key in moves) {
      event.preventDefault();
      const [x, y] = moves[event.key];
      this.cursor = [
        Math.min(Math.max(this.cursor[0] + STEP * x, 0), clientWidth),
        Math.min(Math.max(this.cursor[1] + STEP * y, 0), clientHeight),
      ];
      if (this.active === "key") this.add([...this.cursor], 2.4);
    } else if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.undo();
    } else return;
    this.draw();
  }

  /** Show some points, counted through all strokes, in another colour; null: none. */
  highlight(range) {
    this.marked = range;
    this.draw();
  }

  changed() {
    this.draw();
    this.place.dispatchEvent(new Event("ink"));
  }

  undo() {
    this.active = null; // a stroke that is being written is the one to go
    this.strokes.pop();
    this.widths.pop();
    this.changed();
  }

  clear() {
    this.active = null;
    this.strokes = [];
    this.widths = [];
    this.changed();
  }

  draw() {
    const { clientWidth: wide, clientHeight: tall } = this.canvas;
    this.pen.clearRect(0, 0, wide, tall);
    this.pen.strokeStyle = "#cfd7ea";
    this.pen.lineWidth = 1;
    this.pen.beginPath();
    this.pen.moveTo(12, tall * 0.68);
    this.pen.lineTo(wide - 12, tall * 0.68);
    this.pen.stroke();
    let count = 0; // points of the strokes before
    this.strokes.forEach((stroke, i) => {
      const { start, stop } = this.marked ?? { start: 0, stop: 0 };
      for (let j = 0; j < stroke.length; j++) {
        if (!j && stroke.length > 1) continue;
        const marked = count + j >= start && count + j < stop;
        this.piece(stroke[Math.max(j - 1, 0)], stroke[j], this.widths[i][j], marked);
      }
      count += stroke.length;
    });
    if (this.cursor) {
      this.pen.strokeStyle = this.active === "key" ? "#d65a00" : "#24397f";
      this.pen.lineWidth = 2;
      this.pen.beginPath();
      this.pen.arc(...this.cursor, 6, 0, 2 * Math.PI);
      this.pen.stroke();
    }
  }

  piece(from, to, thick, marked = false) {
    this.pen.strokeStyle = marked ? "#d65a00" : "#1d2b64";
    this.pen.lineCap = "round";
    this.pen.lineWidth = thick;
    this.pen.beginPath();
    this.pen.moveTo(...from);
    this.pen.lineTo(to[0] + 0.01, to[1]);
    this.pen.stroke();
  }
}

/** A pen that is pressed draws thicker; a mouse has no pressure. */
function width(event) {
  return event.pointerType === "pen" && event.pressure ? 1 + 3 * event.pressure : 2.4;
}
