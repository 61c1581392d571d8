// Joins the parts of the page: what is chosen, shown, asked for, and what comes by itself.

import { $, announce, el } from "./dom.js";
import { ask } from "./api.js";
import { hideCandidates, showCandidates } from "./candidates.js";
import { Clips } from "./clips.js";
import { Form, sentence } from "./form.js";
import { Marking } from "./marking.js";
import { notices } from "./notices.js";
import { Queue } from "./queue.js";
import { blank, showPictures, title, trouble, working } from "./stage.js";
import { Viewer } from "./viewer.js";

const SIDE_PX = 1280;

const viewer = new Viewer();
const marking = new Marking(viewer);
const form = new Form(marking);
const clips = new Clips();
const queue = new Queue(act);
const events = new EventSource("/api/events");
let clip = null;
let state = { server: {}, resolve: { state: "absent" }, edits: [] };
let isEnded = false;
let busy = null;

const clipUrl = (path) => `/api/clips/${encodeURIComponent(clip.id)}/${path}`;
// A preview or candidates are under way: they stand on the screen, with what stops them.
const isTrying = () => Boolean(busy) && busy !== $("begin");
const isUngraded = () => form.values().ungraded;
const rate = (text) => { const [num, den] = text.split("/"); return num / (den || 1) || 24; };

// ---- What comes by itself -----------------------------------------------------------------------

function take(now) {
  state = { ...state, ...now };
  const { server, resolve } = state;
  $("place").textContent = resolve.timeline
    ? [resolve.product, resolve.project, resolve.timeline, `${shortRate(resolve.frame_rate)} fps`]
      .join(" · ") : resolve.state === "absent" ? "without Resolve" : "";
  const isSilent = !server.problem || server.problem.reason === "SERVER_UNREACHABLE";
  $("server").textContent = server.is_connected ? "Server ready"
    : isSilent ? "No server" : "Server refuses";
  $("server").className = server.is_connected ? "server up" : "server down";
  $("start-server").hidden = Boolean(server.is_connected) || !server.can_start || isEnded;
  form.models(server.models ?? []);
  clips.arrange(resolve);
  queue.show(state.edits, resolve, server);
  notices(state, isEnded, (left) => left.forEach((edit) => act("place", edit)));
  ready();
}

function shortRate(text) {
  const value = rate(text);
  return Number.isInteger(value) ? String(value) : value.toFixed(3).replace(/0+$/, "");
}

function listen() {
  events.onmessage = (event) => {
    const wasServed = state.server.is_connected;
    isEnded = false;
    take(JSON.parse(event.data));
    if (!wasServed && state.server.is_connected && clip) { clips.draw(); choose(clip); }
  };
  events.onerror = () => { isEnded = true; take({}); };
}

queue.onNews = (edit) => {
  announce(`Version ${edit.version} of ${edit.clip}: ${edit.placed ?? edit.state}`);
};

// ---- The screen ---------------------------------------------------------------------------------

async function choose(chosen) {
  const isOther = clip?.id !== chosen.id;
  clip = chosen;
  if (isOther) form.forClip(clip);
  queue.viewed = null;
  hideCandidates();
  title(clip.name, clip.where || clip.path);
  viewer.show(null);
  ready();
  if (clip.refusal) {
    trouble({ message: clip.refusal.message, nextStep: clip.refusal.next_step });
    return;
  }
  if (!state.server.is_connected) {
    noServer();
    return;
  }
  await showClip(() => ask(clipUrl(`media?ungraded=${Number(isUngraded())}`)));
}

async function showClip(find) {
  const wanted = clip;
  working("Opening the clip…");
  try {
    const { media, is_rendered: isRendered } = await find();
    if (clip !== wanted) return;
    const mustRender = clip.route === "render" && !isRendered && !isUngraded();
    if (!isTrying()) blank();
    if (media) {
      viewer.show({
        name: clip.name, frames: media.frame_count, first: media.start_frame,
        rate: rate(media.frame_rate), width: media.width, height: media.height,
        before: (frame) => clipUrl(`frame?frame=${media.start_frame + frame}&side=${SIDE_PX}`
          + `&ungraded=${Number(isUngraded())}`),
        after: null,
      });
    }
    if (mustRender && !isTrying()) askToRender(Boolean(media));
  } catch (problem) {
    if (clip === wanted && !isTrying()) trouble(problem);
  }
}

function askToRender(hasPicture) {
  const why = clip.route_reason ? `${sentence(clip.route_reason)} ` : "";
  const said = el("p", {}, `${why}Resolve renders it for Via when you preview or edit it.`);
  const button = el("button", { type: "button", on: { click: renderNow } }, "Render it now");
  blank(said, button);
  $("empty").classList.toggle("over", hasPicture);
}

async function renderNow() {
  working("Resolve renders the clip…");
  viewer.show(null);
  await showClip(() => ask(clipUrl("render"), {}));
}

function noServer() {
  const { can_start: canStart, problem } = state.server;
  if (!canStart && problem) {
    trouble({ message: problem.message, nextStep: problem.next_step });
    return;
  }
  blank(el("p", {}, "Pictures come from the Via server, which is not running."), el("button", {
    type: "button", className: "primary", on: { click: startServer },
  }, "Start the server"));
}

async function startServer() {
  const wasShown = $("empty").children.length > 0 && clip;
  $("start-server").disabled = true;
  if (wasShown) working("Starting the server; the first time takes a while…");
  announce("Starting the server");
  try {
    take(await ask("/api/server/start", {}));
    if (clip) { clips.draw(); await choose(clip); }
  } catch (problem) {
    trouble(problem);
  } finally {
    $("start-server").disabled = false;
  }
}

function compare(edit) {
  queue.viewed = edit.id;
  queue.show(state.edits, state.resolve, state.server);
  hideCandidates();
  title(`${edit.clip} v${edit.version}`, edit.instruction, Boolean(clip));
  blank();
  const url = (frame, after) => `/api/edits/${edit.id}/frame?frame=${frame}&after=${after}`
    + `&side=${SIDE_PX}`;
  const [width, height] = [edit.width || 16, edit.height || 9];
  viewer.show({
    name: `${edit.clip} version ${edit.version}`, frames: edit.frame_count, first: 0,
    rate: rate(edit.frame_rate), width, height,
    before: (frame) => url(frame, 0), after: (frame) => url(frame, 1),
  });
}

viewer.onTrouble = trouble;
$("back").addEventListener("click", () => choose(clip));

// ---- Preview and candidates ---------------------------------------------------------------------

async function during(button, text, work) {
  if (busy || !clip) return;
  busy = button;
  form.say(null);
  ready();
  const wanted = clip;
  const hadPicture = Boolean(viewer.shown);
  const stop = new AbortController();
  working(text, el("button", { type: "button", on: { click: () => stop.abort() } }, "Stop"));
  try {
    const found = await work(stop.signal);
    if (clip === wanted) return found;
  } catch (problem) {
    if (problem.name !== "AbortError") form.say(problem);
    if (clip === wanted) blank();
    if (!hadPicture && clip === wanted) choose(clip);
  } finally {
    busy = null;
    ready();
  }
  return undefined;
}

function currentFrame() {
  const { shown, frame } = viewer;
  return shown && !shown.after ? shown.first + frame : null;
}

const wait = "Editing one frame; a running edit goes first…";

$("preview").addEventListener("click", async () => {
  const body = { draft: form.values(), frame: currentFrame() };
  const found = await during($("preview"), wait,
    (signal) => ask(clipUrl("preview"), body, signal));
  if (!found) return;
  hideCandidates();
  showPictures(viewer, "Preview", form.values().instruction, found);
});

$("roots").addEventListener("click", async () => {
  const body = { draft: { ...form.values(), root: null } };
  const found = await during($("roots"), "Editing candidates; a running edit goes first…",
    (signal) => ask(clipUrl("roots"), body, signal));
  if (found) showCandidates(found.candidates, pick);
});

function pick(candidate, number) {
  form.pick(candidate.choice, number);
  showPictures(viewer, `Candidate ${number}`, form.values().instruction, candidate);
}

// ---- Edits --------------------------------------------------------------------------------------

$("edit-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (clip && !clip.refusal) begin([clip]);
});
$("begin-all").addEventListener("click", () => begin(editable()));

async function begin(wanted) {
  if (busy) return;
  busy = $("begin");
  form.say(null);
  ready();
  try {
    const draft = form.values();
    for (const each of wanted) {
      await ask("/api/edits", { clip: each.id, draft, wish: wish() });
    }
    announce(wanted.length === 1 ? "The edit is in the list" : "The edits are in the list");
  } catch (problem) {
    form.say(problem);
  } finally {
    busy = null;
    ready();
  }
}

function editable() {
  return clips.clips.filter((each) => !each.refusal);
}

function wish() {
  return $("wish-row").hidden ? null : $("wish").value || null;
}

async function act(name, edit) {
  const address = `/api/edits/${edit.id}`;
  try {
    if (name === "view") compare(edit);
    else if (name === "place") await ask(`${address}/place`, { as: "track" });
    else if (["take", "new_track"].includes(name)) await ask(`${address}/place`, { as: name });
    else if (name === "redo") await ask(`${address}/redo`, { wish: wish() });
    else await ask(`${address}/${name}`, {});
  } catch (problem) {
    announce(problem.message);
    // Kept with the edit where it is the edit's; the rest is said here.
    if (!["place", "take", "new_track", "fetch"].includes(name)) form.say(problem);
  }
}

function ready() {
  const canEdit = Boolean(clip && !clip.refusal && !busy && !isEnded);
  for (const id of ["preview", "roots", "begin"]) $(id).disabled = !canEdit;
  // What was drawn or picked on one clip means nothing on another.
  const { mask, root } = form.values();
  const count = editable().length;
  $("begin-all").hidden = count < 2 || state.resolve.state === "absent" || Boolean(mask || root);
  $("begin-all").disabled = !canEdit;
  $("begin-all").textContent = `Edit all ${count} clips of the list`;
  $("begin").textContent = busy === $("begin") ? "Sending…" : "Edit the clip";
}

// ---- Begin --------------------------------------------------------------------------------------

clips.onChoose = choose;
form.onChange = ready;
// What was drawn on the graded picture means nothing on the other.
$("ungraded").addEventListener("change", () => { marking.forget(); choose(clip); });
$("start-server").addEventListener("click", startServer);
$("close").addEventListener("click", async () => {
  events.close();
  await ask("/api/close", {}).catch(() => {});
  isEnded = true;
  take({});
});

const begun = await ask("/api/state");
if (begun.last_edit) form.recall(begun.last_edit);
take(begun);
form.arrange();
ready();
// Before the first clip is found, which may take as long as Resolve is busy.
listen();
if (begun.resolve.state === "open") await clips.find();
else if (begun.clips.clips.length) clips.show(begun.clips);
else blank(el("p", {}, "Open a media file on the left to begin."));
