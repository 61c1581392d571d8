// What everybody at the page must know: said across its whole width, with the next step.

import { $, el, fill } from "./dom.js";
import { sentence } from "./form.js";

// place(edits) puts what was finished meanwhile onto the timeline.
export function notices({ server, resolve, edits, rendering }, isEnded, place) {
  const shown = [];
  const add = (text, step, isBad, ...buttons) => shown.push(el("div", {
    className: isBad ? "notice bad" : "notice",
  }, el("div", {}, sentence(text), " ", el("span", { className: "step" }, step)), ...buttons));
  if (isEnded) {
    add("The panel has ended", "Edits go on. Open VIA again from Workspace > Scripts, or run "
      + "“via panel”; what is finished is offered there.", true);
  } else if (resolve.state === "closed") {
    add("Resolve was closed", "Edits go on. Open the project again and choose Workspace > Scripts "
      + "> VIA; what is finished is offered there.", true);
  }
  if (!isEnded && server.problem) {
    add(server.problem.message, sentence(server.problem.next_step), true);
  }
  const left = edits.filter((edit) => edit.is_left_over);
  if (left.length && resolve.state === "open") {
    const what = left.length === 1 ? "An edit was" : `${left.length} edits were`;
    add(`${what} finished while VIA was closed`, "", false, el("button", {
      type: "button", className: "primary",
      on: { click: () => place(left) },
    }, left.length === 1 ? "Place it now" : "Place them now"));
  }
  if (rendering) add(`Resolve renders ${rendering} for Via`, "Please wait.", false);
  const told = JSON.stringify(shown.map((each) => each.textContent));
  if ($("notices").dataset.told === told) return;
  $("notices").dataset.told = told;
  fill($("notices"), ...shown);
}
