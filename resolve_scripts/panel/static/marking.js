// A box or clicks drawn on the frame that is shown, in pixels of the upright picture.

import { $, el, fill } from "./dom.js";

const EDGES = ["box-left", "box-top", "box-right", "box-bottom"];

export class Marking {
  constructor(viewer) {
    this.viewer = viewer;
    this.kind = null;
    this.forget();
    const { canvas } = viewer;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    canvas.addEventListener("pointerup", () => { this.corner = null; });
    canvas.addEventListener("keydown", (event) => this.key(event));
    $("clear-clicks").addEventListener("click", () => { this.clicks = []; this.changed(); });
    for (const id of EDGES) $(id).addEventListener("input", () => this.typed());
    viewer.onDraw = (context, at) => this.draw(context, at);
  }

  forget() {
    this.box = null;
    this.clicks = [];
    this.frame = null;
    this.corner = null;
    this.cross = null;
    this.changed();
  }

  // kind: "box", "clicks" or null
  use(kind) {
    this.kind = kind;
    this.viewer.canvas.classList.toggle("marking", Boolean(kind));
    this.viewer.canvas.setAttribute("role", kind ? "application" : "img");
    this.viewer.draw();
  }

  get canMark() {
    return this.kind && this.viewer.shown && !this.viewer.shown.after;
  }

  // Marks belong to one frame; another frame begins anew.
  begin() {
    const frame = this.viewer.shown.first + this.viewer.frame;
    if (this.frame !== frame) {
      this.clicks = [];
      this.box = null;
      this.frame = frame;
    }
  }

  point(event) {
    const at = this.viewer.place();
    const { width, height } = this.viewer.shown;
    const within = (value, most) => Math.min(most, Math.max(0, value));
    return [
      within((event.offsetX - at.left) / at.scale, width),
      within((event.offsetY - at.top) / at.scale, height),
    ];
  }

  press(event) {
    if (!this.canMark) return;
    this.viewer.pause();
    this.begin();
    const [x, y] = this.point(event);
    if (this.kind === "clicks") {
      this.click(x, y, event.shiftKey);
    } else {
      this.corner = [x, y];
      this.viewer.canvas.setPointerCapture(event.pointerId);
    }
  }

  drag(event) {
    if (this.corner && this.canMark) this.span(this.corner, this.point(event));
  }

  span([x0, y0], [x1, y1]) {
    const box = [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
    const rounded = [Math.floor(box[0]), Math.floor(box[1]), Math.ceil(box[2]), Math.ceil(box[3])];
    if (rounded[2] - rounded[0] < 2 || rounded[3] - rounded[1] < 2) return;
    this.box = rounded;
    this.changed();
  }

  click(x, y, isBeside) {
    const { width, height } = this.viewer.shown;
    const spot = [Math.min(Math.floor(x), width - 1), Math.min(Math.floor(y), height - 1)];
    this.clicks.push({ spot, isBeside });
    this.changed();
  }

  typed() {
    if (!this.viewer.shown) return;
    this.begin();
    const values = EDGES.map((id) => $(id).valueAsNumber);
    this.box = values.some(Number.isNaN) ? null : values;
    this.changed(false);
  }

  key(event) {
    if (!this.canMark) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const { width, height } = this.viewer.shown;
    this.cross ??= [Math.round(width / 2), Math.round(height / 2)];
    if (event.key in moves) {
      const by = event.shiftKey ? 1 : Math.max(1, Math.round(width / 64));
      this.cross = this.cross.map((value, axis) =>
        Math.min([width, height][axis] - 1, Math.max(0, value + moves[event.key][axis] * by)));
      if (this.corner) this.span(this.corner, this.cross);
    } else if (event.key === "Enter") {
      this.begin();
      if (this.kind === "clicks") this.click(...this.cross, event.shiftKey);
      else this.corner = this.corner ? null : [...this.cross];
    } else if (event.key === "Backspace" && this.kind === "clicks") {
      this.clicks.pop();
    } else {
      return;
    }
    event.preventDefault();
    this.changed();
  }

  changed(fillsFields = true) {
    if (fillsFields) EDGES.forEach((id, edge) => { $(id).value = this.box?.[edge] ?? ""; });
    const isSet = this.box && this.frame !== null;
    $("box-frame").textContent = isSet ? "It is followed through the clip from this frame." : "";
    fill($("click-list"), ...this.clicks.map((each, index) => el("li", {},
      el("button", {
        type: "button", className: each.isBeside ? "off" : "on",
        "aria-label": `Remove click ${index + 1}, ${each.isBeside ? "beside" : "on"} the subject`,
        on: { click: () => { this.clicks.splice(index, 1); this.changed(); } },
      }, `${each.isBeside ? "−" : "+"} ${each.spot.join(", ")}  ×`))));
    $("clear-clicks").hidden = this.clicks.length === 0;
    this.viewer.draw();
  }

  draw(context, at) {
    if (!this.canMark) return;
    const isHere = this.frame === this.viewer.shown.first + this.viewer.frame;
    const x = (value) => at.left + value * at.scale;
    const y = (value) => at.top + value * at.scale;
    context.lineWidth = 2;
    if (this.kind === "box" && this.box && isHere) {
      const [left, top, right, bottom] = this.box;
      context.fillStyle = "#e3a85722";
      context.strokeStyle = "#e3a857";
      context.fillRect(x(left), y(top), (right - left) * at.scale, (bottom - top) * at.scale);
      context.strokeRect(x(left), y(top), (right - left) * at.scale, (bottom - top) * at.scale);
    }
    if (this.kind === "clicks" && isHere) {
      for (const { spot, isBeside } of this.clicks) {
        context.beginPath();
        context.arc(x(spot[0] + 0.5), y(spot[1] + 0.5), 7, 0, 7);
        context.fillStyle = isBeside ? "#ee8b7b" : "#6cc196";
        context.fill();
        context.strokeStyle = "#000c";
        context.stroke();
      }
    }
    if (this.cross && document.activeElement === this.viewer.canvas) {
      context.strokeStyle = "#8cbcff";
      context.beginPath();
      context.moveTo(x(this.cross[0]) - 10, y(this.cross[1]));
      context.lineTo(x(this.cross[0]) + 10, y(this.cross[1]));
      context.moveTo(x(this.cross[0]), y(this.cross[1]) - 10);
      context.lineTo(x(this.cross[0]), y(this.cross[1]) + 10);
      context.stroke();
    }
  }
}
