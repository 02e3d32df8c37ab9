"use strict";

const ASK_MS = 500;
const KEYS = { p: "pause", s: "save", q: "end" };
const part = (id) => document.getElementById(id);

function clock(seconds) {
  const whole = Math.floor(seconds), minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
  const two = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes % 60)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function show(state) {
  part("title").textContent = state.title;
  document.title = `${state.title} – facetally live`;
  part("save").hidden = !state.can_save;
  if (state.genders) {
    let all = 0;
    for (const gender of ["female", "male", "unknown"]) {
      const count = state.genders[gender] || 0;
      part(gender).textContent = count;
      all += count;
    }
    part("all").textContent = all;
    part("time").textContent = clock(state.time_s);
    part("in_view").textContent = state.in_view;
    part("rate").textContent = state.samples_per_s.toFixed(1);
    part("latency").textContent = state.latency_s === null ? "–" : state.latency_s.toFixed(2);
    part("dropped").textContent = state.dropped_count;
    part("pause").textContent = state.is_paused ? "Go on" : "Pause";
    part("problem").textContent = state.is_paused ? "paused" : state.problem;
  }
  if (state.is_over) end();
}

function end() {
  clearInterval(asking);
  part("problem").textContent = "Ended.";
  for (const button of document.querySelectorAll("button")) button.disabled = true;
}

let failures = 0;
async function ask() {
  try {
    const answer = await fetch("api/state");
    show(await answer.json());
    failures = 0;
  } catch {
    failures += 1;
    if (failures > 3) end();
  }
}

async function wish(name) {
  const body = JSON.stringify({ wish: name });
  try {
    await fetch("api/wish", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  } catch {
    part("problem").textContent = "facetally live does not answer";
  }
}

for (const name of Object.values(KEYS)) part(name).addEventListener("click", () => wish(name));
document.addEventListener("keydown", (event) => {
  const name = KEYS[event.key.toLowerCase()];
  if (name && !event.ctrlKey && !event.metaKey && !event.altKey && !part(name).hidden) wish(name);
});
const asking = setInterval(ask, ASK_MS);
ask();
