// Root frames edited in several ways: a grid to pick the one that leads the edit.

import { $, el, fill } from "./dom.js";

export function hideCandidates() {
  $("candidates").hidden = true;
}

// onPick(candidate, number) hears which one leads the edit.
export function showCandidates(candidates, onPick) {
  $("candidates").hidden = false;
  const buttons = candidates.map((candidate, index) => el("button", {
    type: "button", className: "candidate", role: "radio", "aria-checked": "false",
    tabIndex: index === 0 ? 0 : -1,
    "aria-label": `Candidate ${index + 1}, score ${candidate.score}${
      candidate.fault ? `, ${candidate.fault}` : ""}`,
    on: { click: () => pick(index), keydown: (event) => move(event, index) },
  }, el("img", { src: `/api/pictures/${candidate.after}`, alt: "" }),
  el("span", {}, `${index + 1} · score ${candidate.score.toFixed(2)}`),
  candidate.fault ? el("small", {}, candidate.fault) : null));
  const pick = (index) => {
    buttons.forEach((button, other) => {
      button.setAttribute("aria-checked", String(other === index));
      button.tabIndex = other === index ? 0 : -1;
    });
    onPick(candidates[index], index + 1);
  };
  const move = (event, index) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = (index + by + buttons.length) % buttons.length;
    buttons[next].focus();
    pick(next);
  };
  fill($("candidates"), ...buttons);
  pick(0);
}
