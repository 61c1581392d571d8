// The middle of the page around the screen: its title, and what stands there instead of a picture.

import { $, el, fill } from "./dom.js";
import { sentence } from "./form.js";

export function blank(...children) {
  $("empty").classList.remove("over");
  fill($("empty"), ...children);
}

export function working(text, button = null) {
  blank(el("div", { className: "spin" }), el("p", { role: "status" }, text), button);
  $("empty").classList.add("over");
}

export function trouble(problem) {
  blank(el("p", { className: "bad" }, sentence(problem.message)),
    el("p", {}, problem.nextStep ? sentence(problem.nextStep) : ""));
}

export function title(name, what = "", canGoBack = false) {
  $("stage-title").textContent = name;
  $("stage-what").textContent = what;
  $("back").hidden = !canGoBack;
}

// One edited frame and its source, as numbers of the panel's shelf.
export function showPictures(viewer, name, what, pictures) {
  const image = new Image();
  image.onload = () => viewer.show({
    name, frames: 1, first: 0, rate: 24, width: image.naturalWidth, height: image.naturalHeight,
    before: () => `/api/pictures/${pictures.before}`,
    after: () => `/api/pictures/${pictures.after}`,
  });
  image.src = `/api/pictures/${pictures.before}`;
  title(name, what, true);
  blank();
}
