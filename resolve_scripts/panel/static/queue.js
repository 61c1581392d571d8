// The edits, grouped by shot: how far they are, and what can be done with each.

import { $, clock, el, fill } from "./dom.js";
import { sentence } from "./form.js";

const STATES = {
  waiting: "Waiting", running: "Working", cancelling: "Stopping", placing: "Placing",
  finished: "Finished", failed: "Failed", cancelled: "Stopped", gone: "Gone", unknown: "Waiting",
};
const OPEN = ["waiting", "running", "cancelling", "placing"];

export class Queue {
  // act(name, edit) carries out one of the actions below.
  constructor(act) {
    this.act = act;
    this.viewed = null;
    this.told = "";
    this.states = new Map();
    this.onNews = () => {};
  }

  show(edits, resolve, server) {
    this.tellNews(edits);
    const told = JSON.stringify([edits, this.viewed, resolve.state, server.is_connected]);
    if (told === this.told) return;
    this.told = told;
    const focused = document.activeElement?.dataset?.key;
    const shots = Map.groupBy ? Map.groupBy(edits, (edit) => edit.shot) : grouped(edits);
    fill($("edit-list"), ...[...shots.values()].map((each) => this.shot(each, resolve)));
    $("no-edits").hidden = edits.length > 0;
    const open = edits.filter((edit) => OPEN.includes(edit.state)).length;
    const others = server.other_jobs ? `, ${server.other_jobs} of other people or commands` : "";
    $("queue-said").textContent = open || others ? `${open} under way${others}` : "";
    if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  tellNews(edits) {
    for (const edit of edits) {
      const now = edit.placed ? `${edit.state} ${edit.placed}` : edit.state;
      const before = this.states.get(edit.id);
      this.states.set(edit.id, now);
      if (before !== undefined && before !== now) this.onNews(edit);
    }
  }

  shot(edits, resolve) {
    const [first] = edits;
    const where = first.where ? el("span", { className: "dim" }, `  ${first.where}`) : null;
    return el("div", { className: "shot" }, el("h3", {}, first.clip, where),
      ...edits.map((edit) => this.version(edit, resolve)));
  }

  version(edit, resolve) {
    const isOpen = OPEN.includes(edit.state);
    const bar = isOpen && edit.frames_total
      ? el("progress", { max: edit.frames_total, value: edit.frames_done,
        "aria-label": `Progress of version ${edit.version}` }) : null;
    const problem = edit.problem
      ? el("p", { className: "bad" }, sentence(edit.problem.message), " ",
        el("span", { className: "dim" },
          edit.problem.next_step ? sentence(edit.problem.next_step) : "")) : null;
    const note = edit.note ? el("p", { className: "dim" }, sentence(edit.note)) : null;
    return el("div", {
      className: edit.id === this.viewed ? "version viewed" : "version",
      role: "group", "aria-label": `Version ${edit.version}: ${edit.instruction}`,
      "data-edit": edit.id, "data-state": edit.state,
    },
    el("span", { className: "number" }, `v${edit.version}`),
    el("div", { className: "words" }, edit.instruction, " ",
      el("span", { className: "dim" }, `seed ${edit.seed}`)),
    el("div", { className: "actions" }, ...this.actions(edit, resolve)),
    el("div", { className: "detail" },
      el("p", { className: edit.placed ? "good" : "dim" }, progressText(edit)),
      bar, problem, note));
  }

  actions(edit, resolve) {
    const found = [];
    const add = (name, label, isPrimary = false) => found.push(el("button", {
      type: "button", className: isPrimary ? "primary" : name === "forget" ? "quiet" : "",
      title: label === "×" ? "Remove" : "", "data-key": `${edit.id} ${name}`,
      "aria-label": `${label === "×" ? "Remove" : label}, version ${edit.version} of ${edit.clip}`,
      on: { click: () => this.act(name, edit) },
    }, label));
    if (["waiting", "running"].includes(edit.state)) add("cancel", "Stop");
    if (["failed", "cancelled"].includes(edit.state)) add("retry", "Try again");
    if (edit.state === "finished") {
      add("view", "Compare");
      if (edit.is_on_timeline && resolve.state === "open") {
        if (!edit.placed) add("place", "Place on timeline", true);
        if (edit.problem?.reason === "SPAN_OCCUPIED") add("new_track", "On a new track");
        if (!edit.placed?.startsWith("take")) add("take", "As take");
      } else if (!edit.result) {
        add("fetch", "Save the file");
      }
      add("redo", "Another seed");
    }
    if (["finished", "failed", "cancelled", "gone"].includes(edit.state)) add("forget", "×");
    return found;
  }
}

function progressText(edit) {
  if (edit.state === "finished") {
    if (edit.placed) return sentence(edit.placed);
    if (edit.result) return `Finished: ${edit.result}`;
    return edit.is_on_timeline ? "Finished, not placed yet." : "Finished, not saved yet.";
  }
  const parts = [STATES[edit.state]];
  if (edit.state === "running") {
    parts[0] = edit.stage.charAt(0).toUpperCase() + edit.stage.slice(1);
    if (edit.frames_total) parts.push(`frame ${edit.frames_done} of ${edit.frames_total}`);
    if (edit.eta_s !== null) parts.push(`${clock(edit.eta_s)} left`);
  }
  if (edit.mask) parts.push(edit.mask);
  return parts.filter(Boolean).join(" · ");
}

function grouped(edits) {
  const shots = new Map();
  for (const edit of edits) shots.set(edit.shot, [...(shots.get(edit.shot) ?? []), edit]);
  return shots;
}
