// The labelling page: shows one item, saves each key press, shows the next. Nothing counts before the server has saved it.

import { MomentEditor, rectangle } from "./moments.js";

const WORDS = { female: "woman", male: "man", unsure: "unsure", not_a_face: "not a face", several: "several people" };
const NAMES = { track: "Appearance", moment: "Moment" };
const KEPT = 12;
const POLL_MS = 4000;
const SETTLE_MS = 600;
const MAX_PEOPLE = 12;

const $ = (id) => document.getElementById(id);
const tab = ownTab();
const views = new Map(); // "kind/number" -> promise of a view with decoded pictures
const seen = new Map(); // number of an appearance that was shown -> one of its faces
let state = null;
let kind = "track";
let item = null; // what is shown
let view = null;
let shownAt = 0;
let ticket = 0; // of the newest request to show something
let isBusy = false; // the next picture is awaited: keys would label what nobody has seen
let saving = Promise.resolve();
let player = null;

const editor = new MomentEditor($("search-boxes"), $("missed"), () => saveMoment(false), hint);

function ownTab() {
  try {
    const known = sessionStorage.getItem("tab") || crypto.randomUUID().slice(0, 8);
    sessionStorage.setItem("tab", known);
    return known;
  } catch {
    return crypto.randomUUID().slice(0, 8);
  }
}

// Talking to the server

class Refusal extends Error {
  constructor(what, fix, status) {
    super(what);
    this.fix = fix || "";
    this.isOfItem = status === 422; // the next item has nothing to do with it
  }
}

async function ask(path, body) {
  // A label is sent to the end even where its page is closed in that moment.
  const options = body === undefined ? {} : { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let response, content;
  try {
    response = await fetch(`api/${path}${path.includes("?") ? "&" : "?"}tab=${tab}`, options);
    content = await response.json().catch((error) => {
      if (response.ok) throw error; // the server was stopped while it answered
      return { what: `The server answers with error ${response.status}.` };
    });
  } catch {
    throw new Refusal("The server does not answer: it was stopped.", "Start the same facetally label again and open the address that it prints. Everything saved so far is there.");
  }
  if (!response.ok) throw new Refusal(content.what || `The server answers with error ${response.status}.`, content.fix, response.status);
  return content;
}

function load(what, number) {
  const key = `${what}/${number}`;
  if (!views.has(key)) {
    const made = ask(`view/${what}/${number}`).then(async (content) => {
      const sources = [content.image, content.frame?.image, ...(content.faces || []).map((face) => face.image), ...(content.images || [])];
      await Promise.all(sources.filter(Boolean).map(decoded));
      return content;
    });
    made.catch(() => views.delete(key));
    views.set(key, made);
    if (views.size > 4 * KEPT) views.delete(views.keys().next().value);
  }
  return views.get(key);
}

function decoded(source) {
  const image = new Image();
  image.src = source;
  return image.decode();
}

// Showing

async function show(what, number, known) {
  const own = ++ticket;
  isBusy = true;
  kind = what;
  const isKnown = known?.kind === what && known.number === number;
  const shown = Promise.allSettled([isKnown ? known : ask(`item/${what}/${number}`), load(what, number)]);
  const [gotItem, gotView] = await shown;
  if (own !== ticket) return;
  if (gotItem.status === "rejected") return fail(gotItem.reason);
  [item, view] = [gotItem.value, gotView.value ?? null];
  clearFailure(".of-item");
  render(gotView.reason);
  shownAt = performance.now();
  isBusy = false;
  document.body.dataset.shown = `${what}/${number}`;
  for (const next of state.next[what].filter((other) => other !== number).slice(0, 3)) load(what, next).catch(() => {});
}

function showNext(what = kind, known) {
  const [next] = state.next[what];
  if (next !== undefined) return show(what, next, known);
  const other = otherThan(what);
  kind = what;
  if (!state.settle && state.next[other].length) {
    say(`All of ${what === "track" ? "the appearances" : "the moments"} are labelled.`);
    return show(other, state.next[other][0]);
  }
  item = null;
  isBusy = false;
  ticket += 1;
  render();
}

function render(problem) {
  $("track").hidden = kind !== "track" || !item;
  $("moment").hidden = kind !== "moment" || !item;
  $("empty").hidden = Boolean(item);
  for (const what of ["track", "moment"]) {
    $(`tab-${what}`).setAttribute("aria-pressed", what === kind);
    $(`tab-${what}`).removeAttribute("aria-keyshortcuts");
  }
  $(`tab-${otherThan(kind)}`).setAttribute("aria-keyshortcuts", "T");
  $("hint").textContent = "";
  stop();
  if (!item) {
    $("title").textContent = "Done";
    $("place").textContent = $("extra").textContent = "";
    $("empty-text").textContent = state.settle ? "Nothing is left to settle." : "Everything that was drawn is labelled. You can close this page and stop facetally label.";
    return renderState();
  }
  $("title").textContent = `${NAMES[kind]} ${item.number + 1} of ${state.total[kind]}`;
  renderPlace();
  if (kind === "track") renderTrack(problem);
  else renderMoment(problem);
  renderState();
}

function renderPlace() {
  const at = kind === "track" ? `${clock(item.first_s)} – ${clock(item.last_s)}` : clock(view?.frame.time_s ?? 0);
  $("place").textContent = `${item.video}, ${at}`;
  const said = Object.entries(item.said || {}).map(([name, answer]) => `${name}: ${WORDS[answer]}`);
  const predicted = item.prediction && `Predicted: ${item.prediction.gender} (${Math.round(100 * item.prediction.probability)} %), age ${item.prediction.age_band}`;
  $("extra").textContent = [...said, predicted].filter(Boolean).join(" · ");
}

function renderTrack(problem) {
  showProblem($("track-problem"), problem);
  $("strip").replaceChildren(...(view?.faces || []).map(stripFace));
  if (view?.faces.length) seen.set(item.number, view.faces[Math.floor(view.faces.length / 2)].image);
  $("pictures").hidden = !view;
  if (view) {
    $("frame").src = view.frame.image;
    drawBoxes($("frame-boxes"), view.frame);
    $("frame-time").textContent = `The frame at ${clock(view.frame.time_s)}`;
  }
  renderFields();
  renderPeople();
  $("loop").removeAttribute("src");
  $("loop-box").hidden = !view;
  if (view) play(item.number);
}

function stripFace(face, index) {
  const row = document.createElement("li");
  const image = new Image();
  image.src = face.image;
  image.alt = `Face ${index + 1} of ${view.faces.length}`;
  const time = document.createElement("span");
  time.textContent = clock(face.time_s);
  row.append(image, time);
  return row;
}

function renderFields() {
  for (const button of document.querySelectorAll("[data-set]")) {
    button.setAttribute("aria-pressed", item.fields[button.dataset.set] === button.dataset.value);
  }
  $("same-number").value = "same_as" in item.fields ? item.fields.same_as + 1 : "";
}

function renderPeople() {
  const people = Object.entries(item.people || {}).slice(0, MAX_PEOPLE);
  $("same-none").textContent = people.length ? "" : "Nobody in this video is labelled yet.";
  $("same-form").hidden = !people.length;
  $("same-faces").replaceChildren(
    ...people.map(([number, answer]) => {
      const row = document.createElement("li");
      const button = document.createElement("button");
      const image = new Image();
      image.alt = "";
      const own = item.number;
      const known = seen.get(Number(number));
      if (known) image.src = known;
      else load("face", number).then((face) => own === item?.number && (image.src = face.image)).catch(() => {});
      button.type = "button";
      button.setAttribute("aria-label", `Same person as number ${Number(number) + 1}, ${WORDS[answer]}`);
      button.addEventListener("click", () => sameAs(Number(number)));
      button.append(image, `${Number(number) + 1}`);
      row.append(button);
      return row;
    }),
  );
}

function renderMoment(problem) {
  showProblem($("moment-problem"), problem);
  $("search-stage").hidden = $("moment-answers").hidden = !view;
  if (!view) return;
  $("search").src = view.frame.image;
  $("search-stage").style.setProperty("--ratio", view.frame.width / view.frame.height);
  editor.show(view, item.fields.missed || []);
  renderDone();
}

function renderDone() {
  const count = editor.faces.length;
  $("done-word").textContent = count === 0 ? "Nobody missed" : count === 1 ? "Save, 1 missed" : `Save, ${count} missed`;
}

function drawBoxes(svg, frame) {
  svg.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  svg.replaceChildren(...frame.boxes.map((box) => rectangle(box, "found")));
}

function showProblem(place, problem) {
  place.hidden = !problem;
  place.textContent = problem ? `No picture: ${problem.message} ${problem.fix || ""}` : "";
}

// The loop

async function play(number) {
  const loop = await load("loop", number).catch(() => null);
  if (kind !== "track" || item?.number !== number) return;
  $("loop-box").hidden = !loop;
  if (!loop) return;
  let index = 0;
  $("loop").src = loop.images[0];
  player = {
    step: () => ($("loop").src = loop.images[(index += 1) % loop.images.length]),
    ms: 1000 * loop.step_s,
    timer: null,
  };
  $("play").hidden = loop.images.length < 2;
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
  else $("play-word").textContent = "Play";
}

function start() {
  if (!player || player.timer) return;
  player.timer = setInterval(player.step, player.ms);
  $("play-word").textContent = "Pause";
}

function pause() {
  clearInterval(player?.timer);
  if (player) player.timer = null;
  $("play-word").textContent = "Play";
}

function stop() {
  pause();
  player = null;
}

// Saving

function save(values, isLast, word) {
  if (!item || isBusy) return;
  const message = { kind, number: item.number, set: values, took_s: (performance.now() - shownAt) / 1000 };
  if (isLast) isBusy = true; // until the next picture is there
  const own = ticket;
  saving = saving.then(async () => {
    try {
      const answer = await ask("save", message);
      take(answer);
      clearFailure();
      if (own !== ticket) return;
      if (item?.number === message.number) item.fields = answer.fields;
      if (isLast) {
        say(`Saved: ${word}.`);
        await showNext(message.kind, answer.item);
        say(`Saved: ${word}. ${$("title").textContent}`);
      } else if (message.kind === "track") {
        renderFields();
        say(`Saved: ${word}.`);
      }
    } catch (error) {
      isBusy = false;
      fail(error, "Not saved. ");
    }
  });
  return saving;
}

function answer(name, value) {
  if (kind === "track" && item) save({ [name]: value }, name === "answer", WORDS[value] || value);
}

function sameAs(number) {
  if (kind === "track") save({ same_as: number }, true, `same person as ${number + 1}`);
}

function saveMoment(isDone) {
  renderDone();
  const missed = editor.faces.map((face) => ({ box: face.box, gender: face.gender }));
  save({ missed, ...(isDone ? { done: true } : {}) }, isDone, `${missed.length} missed`);
}

function undo() {
  if (isBusy) return;
  isBusy = true;
  saving = saving.then(async () => {
    try {
      const answer = await ask("undo", {});
      take(answer);
      clearFailure();
      isBusy = false;
      if (answer.number === null) return hint("Nothing to undo");
      await show(answer.kind, answer.number);
      say(`Undone. ${$("title").textContent}`);
    } catch (error) {
      isBusy = false;
      fail(error, "Not undone. ");
    }
  });
}

// The verdict

function take(answer) {
  state = { ...state, ...answer };
  renderState();
  clearTimeout(take.timer);
  take.timer = setTimeout(refresh, SETTLE_MS);
}

async function refresh() {
  if (document.hidden) return;
  try {
    state = { ...state, ...(await ask("state")) };
    renderState();
  } catch {
    // the next key press says what is wrong
  }
}

function renderState() {
  for (const what of ["track", "moment"]) $(`count-${what}`).textContent = `${state.labelled[what]} / ${state.total[what]}`;
  $("tab-moment").hidden = !state.total.moment;
  const noticed = state.notices.map((one) => `${one.what} ${one.fix}`);
  if (noticed.join() !== renderState.noticed) {
    renderState.noticed = noticed.join();
    const [failure] = $("notices").getElementsByClassName("failure");
    $("notices").replaceChildren(...[failure, ...noticed.map((text, place) => notice(text, state.notices[place].kind))].filter(Boolean));
  }
  renderVerdict(state.standing);
}

function renderVerdict(at) {
  const word = $("verdict-word");
  $("verdict-bar").toggleAttribute("hidden", !("target" in at));
  word.className = at.word === "pass" || at.word === "fail" ? at.word : "";
  if (at.biased || at.problem || !("target" in at)) {
    word.textContent = at.biased ? "Uncertain first: no verdict" : "No verdict yet";
    $("verdict-figure").textContent = "";
    $("verdict-left").textContent = at.biased ? "These appearances were not drawn at random; use them to find errors." : at.problem || "";
    return;
  }
  word.textContent = { pass: "Pass", fail: "Fail" }[at.word] || "Not settled";
  const accuracy = at.accuracy === null ? "no accuracy yet" : `accuracy ${percent(at.accuracy)}`;
  $("verdict-figure").textContent = `${accuracy}, 95 % between ${percent(at.low)} and ${percent(at.high)}, target ${percent(at.target)}`;
  $("bar-interval").setAttribute("x", 200 * at.low);
  $("bar-interval").setAttribute("width", Math.max(200 * (at.high - at.low), 1));
  $("bar-target").setAttribute("x", 200 * at.target);
  $("verdict-left").textContent = [leftToDo(at), found(at), disputed(at)].filter(Boolean).join(" ");
}

function leftToDo(at) {
  if (at.word === "pass" || at.word === "fail") return "Settled: you may stop here.";
  if (at.further === null) return "What was drawn will probably not settle it.";
  const seconds = at.further * state.seconds_each;
  const time = state.seconds_each ? (seconds < 90 ? ", less than 2 minutes at your pace" : `, about ${Math.round(seconds / 60)} minutes at your pace`) : "";
  return `About ${at.further} more settle it${time}.`;
}

function found(at) {
  return at.recall ? `Faces in view that were found: ${percent(at.recall.share)} (${percent(at.recall.low)} – ${percent(at.recall.high)}).` : "";
}

function disputed(at) {
  return at.disputed && !state.settle ? `Annotators differ about ${at.disputed}: facetally label --settle.` : "";
}

// Words

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, (seconds % 60).toFixed(1).padStart(4, "0")];
  return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

function say(text) {
  $("live").textContent = text;
}

// What a key did not do, also for those who see the page
function hint(text) {
  say(text);
  $("hint").textContent = text;
}

function notice(text, kind = "") {
  const box = document.createElement("div");
  box.className = kind;
  box.textContent = text;
  return box;
}

function fail(error, before = "") {
  isBusy = false;
  const box = notice(`${before}${error.message} ${error.fix || ""}`);
  box.className = error.isOfItem ? "failure of-item" : "failure";
  clearFailure();
  $("notices").prepend(box);
}

function clearFailure(which = ".failure") {
  for (const box of $("notices").querySelectorAll(which)) box.remove();
}

// Keys and buttons

function go(step) {
  if (item && !isBusy) goTo(item.number + step);
}

function goTo(number) {
  if (Number.isInteger(number) && number >= 0 && number < state.total[kind]) show(kind, number);
  else hint(`There is no number ${number + 1 || ""}: they go from 1 to ${state.total[kind]}`);
}

const ACTIONS = {
  z: undo,
  n: () => !isBusy && showNext(),
  arrowleft: () => go(-1),
  arrowright: () => go(1),
  j: () => $("jump").focus(),
  t: () => !isBusy && (state.total.moment ? open(otherThan(kind)) : hint("No moments were drawn for this sample")),
};
const TRACK_ACTIONS = { s: () => $("same-number").focus(), " ": () => (player?.timer ? pause() : start()) };
const MOMENT_ACTIONS = {
  a: () => !isBusy && editor.addInMiddle(),
  enter: () => saveMoment(true),
  delete: () => editor.remove(editor.selected),
  backspace: () => editor.remove(editor.selected),
  w: () => editor.name("female"),
  m: () => editor.name("male"),
  u: () => editor.name("unsure"),
};

function press(event) {
  const target = event.target;
  const isTyping = target.matches("input:not([type=checkbox]), textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (isTyping) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const key = event.key.toLowerCase();
  const isPressing = (key === " " || key === "enter") && target.closest("button, input");
  if (!$("use-keys").checked || isPressing) return;
  const button = kind === "track" && document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  const action = ACTIONS[key] || (kind === "track" ? TRACK_ACTIONS : MOMENT_ACTIONS)[key];
  if (!button && !action) return;
  event.preventDefault();
  if (button) answer(button.dataset.set, button.dataset.value);
  else action();
}

function otherThan(what) {
  return what === "track" ? "moment" : "track";
}

function open(what) {
  $("title").focus(); // Enter is for the item now, not for the tab
  showNext(what);
}

// A button that was clicked must not take the next Enter or Space, which are for the item.
function leave(event) {
  if (event.detail && document.activeElement?.matches("button")) document.activeElement.blur();
}

function listen() {
  document.addEventListener("keydown", press);
  document.addEventListener("click", leave);
  for (const button of document.querySelectorAll("[data-set]")) {
    button.setAttribute("aria-keyshortcuts", button.dataset.key.toUpperCase());
    button.addEventListener("click", () => answer(button.dataset.set, button.dataset.value));
  }
  const clicks = {
    undo,
    previous: () => go(-1),
    following: () => go(1),
    "next-open": ACTIONS.n,
    play: TRACK_ACTIONS[" "],
    "add-face": MOMENT_ACTIONS.a,
    done: MOMENT_ACTIONS.enter,
    "tab-track": () => open("track"),
    "tab-moment": () => open("moment"),
  };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
  $("same-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const number = Number($("same-number").value) - 1;
    $("same-number").blur();
    if (Number.isInteger(number) && number >= 0) sameAs(number);
  });
  $("jump-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const number = $("jump").value.trim();
    $("jump").blur();
    $("jump").value = "";
    if (number) goTo(Number(number) - 1);
  });
}

async function begin() {
  listen();
  try {
    state = await ask("state");
    $("who").textContent = `Annotator: ${state.annotator}. ${state.mode === "uncertain" ? "The most uncertain predictions come first." : "Drawn at random."}`;
    await showNext(state.next.track.length || !state.next.moment.length ? "track" : "moment");
    setInterval(refresh, POLL_MS);
  } catch (error) {
    fail(error);
  }
}

begin();
