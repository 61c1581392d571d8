// The clips on offer, and the ways to find them.

import { $, el, fill } from "./dom.js";
import { ask } from "./api.js";
import { sentence } from "./form.js";

const BY = {
  selection: "the selection", marks: "the in and out marks", playhead: "the playhead",
  color: "the clip colour", markers: "VIA: markers",
};

export class Clips {
  constructor() {
    this.clips = [];
    this.chosen = null;
    this.isFinding = false;
    this.onChoose = () => {};
    this.onTrouble = () => {};
    $("find").addEventListener("click", () => this.find());
    $("by").addEventListener("change", () => {
      $("color").hidden = $("by").value !== "color";
      this.find();
    });
    $("color").addEventListener("change", () => this.find());
    $("open-form").addEventListener("submit", (event) => { event.preventDefault(); this.open(); });
    $("path").addEventListener("input", () => this.suggest());
  }

  arrange(resolve) {
    const isInResolve = resolve.state !== "absent";
    $("find").hidden = $("find-form").hidden = !isInResolve;
    $("open-form").hidden = isInResolve;
    const can = resolve.can ?? {};
    $("by").querySelector("[value=selection]").disabled = can.selection === false;
    $("by").querySelector("[value=marks]").disabled = can.marks === false;
  }

  async find() {
    this.isFinding = true;
    $("found").textContent = "Looking…";
    try {
      this.show(await ask("/api/clips/find", { by: $("by").value, color: $("color").value }));
    } catch (problem) {
      $("found").textContent = `${sentence(problem.message)} ${sentence(problem.nextStep)}`;
    } finally {
      this.isFinding = false;
    }
  }

  async open() {
    try {
      const found = await ask("/api/clips/open", { path: $("path").value });
      this.show(found);
      this.choose(found.clips.find((clip) => clip.id === found.opened));
    } catch (problem) {
      $("found").textContent = `${sentence(problem.message)} ${sentence(problem.nextStep)}`;
    }
  }

  async suggest() {
    const { paths } = await ask(`/api/paths?typed=${encodeURIComponent($("path").value)}`);
    fill($("paths"), ...paths.map((path) => el("option", { value: path })));
  }

  show({ by, clips }) {
    this.clips = clips;
    const count = clips.length === 1 ? "1 clip" : `${clips.length} clips`;
    $("found").textContent = by in BY ? `${count} by ${BY[by]}` : clips.length ? count : "";
    if (by && !clips.length) {
      $("found").textContent = `No clip by ${BY[by] ?? by}. Put the playhead on a clip, or find by `
        + "something else, and look again.";
    }
    this.draw();
    const kept = clips.find((clip) => clip.id === this.chosen);
    if (kept || clips.length) this.choose(kept ?? clips[0]);
  }

  choose(clip) {
    this.chosen = clip?.id ?? null;
    this.draw();
    if (clip) this.onChoose(clip);
  }

  draw() {
    const focused = document.activeElement?.dataset?.clip;
    fill($("clip-list"), ...this.clips.map((clip) => this.row(clip)));
    if (focused) document.querySelector(`[data-clip="${CSS.escape(focused)}"]`)?.focus();
  }

  row(clip) {
    const frames = clip.frame_count === null ? "" : `${clip.frame_count} frames`;
    return el("li", {}, el("button", {
      type: "button", className: "clip", "aria-pressed": String(clip.id === this.chosen),
      "data-clip": clip.id, on: { click: () => this.choose(clip) },
    }, this.thumb(clip), el("span", {},
      el("strong", { title: clip.name }, clip.name),
      el("small", {}, clip.where || clip.path),
      clip.refusal ? el("small", { className: "bad" }, sentence(clip.refusal.message))
        : el("small", {}, frames))));
  }

  thumb(clip) {
    const blank = el("span", { className: "thumb" }, clip.refusal ? "not editable" : "no picture");
    if (!clip.has_picture) return blank;
    const url = `/api/clips/${encodeURIComponent(clip.id)}/thumb`;
    return el("img", { className: "thumb", src: url, alt: "", loading: "lazy",
      on: { error: (event) => event.target.replaceWith(blank) } });
  }
}
