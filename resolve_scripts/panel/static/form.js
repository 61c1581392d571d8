// The edit as it stands in the form, to and from the values the panel takes.

import { $, el, fill } from "./dom.js";
import { sendFile } from "./api.js";

export class Form {
  constructor(marking) {
    this.marking = marking;
    this.root = null;
    this.onChange = () => {};
    $("edit-form").addEventListener("change", () => this.arrange());
    $("matte-file").addEventListener("change", () => this.takeMatte());
  }

  scope() {
    return document.querySelector("[name=scope]:checked").value;
  }

  mask() {
    return document.querySelector("[name=mask]:checked").value;
  }

  arrange() {
    const isPart = this.scope() === "part";
    $("part").hidden = !isPart;
    for (const part of document.querySelectorAll("[data-mask]")) {
      part.hidden = part.dataset.mask !== this.mask();
    }
    this.marking.use(isPart && ["box", "clicks"].includes(this.mask()) ? this.mask() : null);
    this.onChange();
  }

  values() {
    const steps = $("steps").valueAsNumber;
    return {
      instruction: $("instruction").value,
      scope: this.scope(),
      find: this.scope() === "part" && this.mask() === "find" ? $("find-words").value : "",
      mask: this.scope() === "part" ? this.drawn() : null,
      adapt: $("adapt").checked || this.root !== null,
      root: this.root,
      seed: Number.isInteger($("seed").valueAsNumber) ? $("seed").valueAsNumber : 0,
      steps: Number.isInteger(steps) ? steps : null,
      model: $("model").value || null,
      ungraded: !$("ungraded-row").hidden && $("ungraded").checked,
    };
  }

  drawn() {
    const { box, clicks, frame } = this.marking;
    if (this.mask() === "box" && box) return { frame, box_xyxy: box };
    if (this.mask() === "clicks" && clicks.length) {
      const spots = (isBeside) => clicks.filter((each) => each.isBeside === isBeside)
        .map((each) => each.spot);
      return { frame, on_subject: spots(false), off_subject: spots(true) };
    }
    if (this.mask() === "matte" && $("matte").value.trim()) return $("matte").value.trim();
    return null;
  }

  // What was done last is where the next edit begins; places on the picture are not kept.
  recall(draft) {
    $("instruction").value = draft.instruction;
    document.querySelector(`[name=scope][value=${draft.scope}]`).checked = true;
    $("find-words").value = draft.find;
    $("seed").value = draft.seed;
    $("steps").value = draft.steps ?? "";
    $("adapt").checked = draft.adapt;
    $("settings").open = draft.steps !== null || draft.adapt || draft.model !== null;
    this.wantedModel = draft.model;
    this.arrange();
  }

  // A new clip: what was drawn or picked on another one does not hold.
  forClip(clip) {
    this.marking.forget();
    this.pick(null);
    if (clip.instruction) $("instruction").value = clip.instruction;
    $("wish-row").hidden = !clip.is_on_timeline;
    $("ungraded-row").hidden = !(clip.route === "render" && clip.has_media);
    if (!$("ungraded-row").hidden) $("settings").open = true;
  }

  pick(root, number) {
    this.root = root;
    $("root").hidden = root === null;
    if (root === null) return;
    fill($("root"), `Candidate ${number} leads the edit.`,
      el("button", { type: "button", className: "quiet",
        on: { click: () => { this.pick(null); this.onChange(); } } }, "Let Via choose"));
  }

  models(models) {
    const names = models.map((model) => model.name);
    if (this.shownModels === names.join()) return;
    this.shownModels = names.join();
    const chosen = $("model").value || this.wantedModel;
    const isMissing = Boolean(chosen) && names.length > 0 && !names.includes(chosen);
    fill($("model"), el("option", { value: "" }, `${names[0] ?? "the server's"} (default)`),
      ...names.slice(1).map((name) => el("option", { value: name }, name)),
      isMissing ? el("option", { value: chosen }, `${chosen} (not on this server)`) : null);
    $("model").value = names.includes(chosen) || isMissing ? chosen : "";
    const understood = models[0]?.understands ?? [];
    $("understands").hidden = understood.length === 0;
    fill($("understood"), ...understood.map((words) => el("li", {},
      el("button", { type: "button", on: { click: () => {
        $("instruction").value = words;
        $("instruction").focus();
      } } }, words))));
  }

  async takeMatte() {
    const [file] = $("matte-file").files;
    if (!file) return;
    this.say(null);
    try {
      const { path } = await sendFile(`/api/mattes/${encodeURIComponent(file.name)}`, file);
      $("matte").value = path;
    } catch (problem) {
      // An earlier matte must not stand in for it.
      $("matte").value = "";
      this.say(problem);
    }
    // The same file can be chosen again, as after it was made anew.
    $("matte-file").value = "";
    this.onChange();
  }

  say(problem) {
    $("form-said").replaceChildren();
    if (problem) {
      $("form-said").append(sentence(problem.message));
      if (problem.nextStep) $("form-said").append(el("span", {}, sentence(problem.nextStep)));
    }
  }
}

export function sentence(text) {
  const whole = text.trim();
  const ended = /[.!?…]$/.test(whole) ? whole : `${whole}.`;
  return ended.charAt(0).toUpperCase() + ended.slice(1);
}
