// The screen: frames of a clip, before and after beside one another, played frame by frame.

import { $ } from "./dom.js";
import { picture } from "./api.js";

const AHEAD_FRAMES = 16;
const MOST_AT_ONCE = 4;
const KEPT_PICTURES = 480;

export class Viewer {
  constructor() {
    this.canvas = $("screen");
    this.shown = null;
    this.frame = 0;
    this.wipe = 0.5;
    this.isPlaying = false;
    this.pictures = new Map();
    this.loading = new Map();
    this.onDraw = () => {};
    this.onFrame = () => {};
    this.onTrouble = () => {};
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    $("play").addEventListener("click", () => (this.isPlaying ? this.pause() : this.play()));
    $("frame").addEventListener("input", () => { this.pause(); this.seek(+$("frame").value); });
    $("wipe").addEventListener("input", () => { this.wipe = $("wipe").value / 100; this.draw(); });
    this.canvas.addEventListener("pointerdown", (event) => this.dragWipe(event));
    this.canvas.addEventListener("pointermove", (event) => event.buttons && this.dragWipe(event));
    this.canvas.addEventListener("keydown", (event) => this.step(event));
  }

  // shown: {name, frames, rate, width, height, before(frame), after(frame)|null, first}
  show(shown, frame = 0) {
    this.pause();
    for (const stop of this.loading.values()) stop.abort();
    this.loading.clear();
    this.pictures.clear();
    this.shown = shown;
    const hasAfter = Boolean(shown?.after);
    $("transport").hidden = !shown || (shown.frames < 2 && !hasAfter);
    $("play").hidden = $("frame").hidden = $("frame-label").hidden = !shown || shown.frames < 2;
    $("wipe-row").hidden = $("before-tag").hidden = $("after-tag").hidden = !hasAfter;
    this.canvas.classList.toggle("wiping", hasAfter);
    $("frame").max = Math.max(0, (shown?.frames ?? 1) - 1);
    this.seek(Math.min(frame, (shown?.frames ?? 1) - 1));
  }

  seek(frame) {
    this.frame = frame;
    this.load();
    this.draw();
    if (!this.shown) return;
    const label = `${frame + 1} / ${this.shown.frames}`;
    $("frame").value = frame;
    $("frame").setAttribute("aria-valuetext", `frame ${frame + 1} of ${this.shown.frames}`);
    $("frame-label").textContent = label;
    const sides = this.shown.after ? ", before on the left, after on the right of the wipe" : "";
    this.canvas.setAttribute("aria-label", `${this.shown.name}, frame ${label}${sides}`);
    this.onFrame(frame);
  }

  play() {
    if (!this.shown || this.shown.frames < 2) return;
    this.isPlaying = true;
    $("play").textContent = "Pause";
    $("play").setAttribute("aria-pressed", "true");
    const period = 1000 / this.shown.rate;
    let due = performance.now() + period;
    const turn = (now) => {
      if (!this.isPlaying) return;
      const next = (this.frame + 1) % this.shown.frames;
      // A frame is shown when its time has come and it is here: none is skipped, none is mixed.
      if (now >= due && this.has(next)) {
        due = Math.max(due + period, now);
        this.seek(next);
      }
      this.load();
      requestAnimationFrame(turn);
    };
    requestAnimationFrame(turn);
  }

  pause() {
    this.isPlaying = false;
    $("play").textContent = "Play";
    $("play").setAttribute("aria-pressed", "false");
  }

  sides() {
    return this.shown?.after ? ["before", "after"] : ["before"];
  }

  has(frame) {
    return this.sides().every((side) => this.pictures.has(`${side}${frame}`));
  }

  load() {
    if (!this.shown) return;
    const ahead = this.isPlaying ? AHEAD_FRAMES : 2;
    for (let step = 0; step < Math.min(ahead, this.shown.frames); step += 1) {
      const frame = (this.frame + step) % this.shown.frames;
      for (const side of this.sides()) {
        const key = `${side}${frame}`;
        if (this.loading.size >= MOST_AT_ONCE) return;
        if (!this.pictures.has(key) && !this.loading.has(key)) this.fetch(key, side, frame);
      }
    }
  }

  async fetch(key, side, frame) {
    const shown = this.shown;
    const stop = new AbortController();
    this.loading.set(key, stop);
    try {
      const found = await picture(shown[side](frame), stop.signal);
      if (this.shown !== shown) return;
      this.pictures.set(key, found);
      if (this.pictures.size > KEPT_PICTURES) {
        this.pictures.delete(this.pictures.keys().next().value);
      }
      if (frame === this.frame) this.draw();
    } catch (error) {
      if (error.name === "AbortError" || this.shown !== shown) return;
      this.pause();
      this.onTrouble(error);
      return;
    } finally {
      if (this.loading.get(key) === stop) this.loading.delete(key);
    }
    this.load();
  }

  // Where the picture stands on the canvas, in CSS pixels.
  place() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!this.shown) return { left: 0, top: 0, width, height, scale: 1 };
    const scale = Math.min(width / this.shown.width, height / this.shown.height);
    const [w, h] = [this.shown.width * scale, this.shown.height * scale];
    return { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h, scale };
  }

  draw() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    if (!this.shown) return;
    const at = this.place();
    const before = this.pictures.get(`before${this.frame}`);
    const after = this.pictures.get(`after${this.frame}`);
    if (before) context.drawImage(before, at.left, at.top, at.width, at.height);
    if (after) {
      const edge = at.left + at.width * this.wipe;
      context.save();
      context.beginPath();
      context.rect(edge, at.top, at.left + at.width - edge, at.height);
      context.clip();
      context.drawImage(after, at.left, at.top, at.width, at.height);
      context.restore();
      context.fillStyle = "#fffd";
      context.fillRect(edge - 1, at.top, 2, at.height);
    }
    const isBusy = !before || Boolean(this.shown.after && !after);
    canvas.setAttribute("aria-busy", String(isBusy));
    this.onDraw(context, at);
  }

  dragWipe(event) {
    if (!this.shown?.after) return;
    const at = this.place();
    const x = event.offsetX - at.left;
    this.wipe = Math.min(1, Math.max(0, x / at.width));
    $("wipe").value = Math.round(this.wipe * 100);
    this.draw();
  }

  step(event) {
    if (!this.shown || this.canvas.classList.contains("marking")) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key in steps) {
      this.pause();
      const last = this.shown.frames - 1;
      this.seek(Math.min(last, Math.max(0, this.frame + steps[event.key])));
    } else if (event.key === " ") {
      $("play").click();
    } else {
      return;
    }
    event.preventDefault();
  }
}
