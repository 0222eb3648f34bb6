// Brings the page to life: what Gradio has drawn is made ready as soon as it changes.
import { follow, goAgain, go, navigate } from "./address.js";
import { ready as readyFaces } from "./faces.js";
import { askTruth, confirmThen, showKeys } from "./dialogs.js";
import { draw } from "./draw.js";
import { keepFocus } from "./focus.js";
import { say } from "./said.js";
import { restoreTyped } from "./search.js";
import { chooseAll, chooseNone, ids as chosenIds, ready as readyChosen } from "./gallery.js";
import { sendSample, takeChosen } from "./sending.js";

const TITLE = "Face analysis";
const CLOCK = { hour12: false, hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };
let title = TITLE;
const followed = new Set(); // results to which the page went by itself

function press(id) {
  document.querySelector(`#${id}`)?.click();
}

function localTimes(part) {
  for (const time of part.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (isNaN(moment)) continue;
    time.dataset.local = "";
    time.title = time.textContent;
    time.textContent = "clock" in time.dataset
      ? moment.toLocaleTimeString([], CLOCK)
      : moment.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
}

function neighbours(part) {
  const ids = [...part.querySelectorAll(".fp-tile")].map((tile) => tile.getAttribute("href"));
  if (ids.length) sessionStorage.setItem("fp-neighbours", JSON.stringify(ids));
  readyChosen();
}

function readyImage(part) {
  const image = part.querySelector(".fp-image");
  const target = part.querySelector("[data-goto]")?.dataset.goto;
  if (target) return navigate(target);
  if (!image) return;
  const wanted = new URLSearchParams(location.search).get("image");
  if (wanted && wanted !== image.dataset.image) return goAgain(0); // an older answer came later
  if (wanted) title = `${image.dataset.title} – ${TITLE}`;
  readyFaces(image);
  if (wanted && !["stored", "partial", "failed", "deleted"].includes(image.dataset.status)) goAgain(700);
}

function readyProgress(part) {
  const rows = [...part.querySelectorAll(".fp-row")];
  if (rows.length !== 1 || !rows[0].matches("[data-final]")) return;
  const href = rows[0].querySelector("a")?.getAttribute("href");
  if (!part.querySelector("[data-alone]") || followed.has(href)) return;
  followed.add(href);
  if (href && rows[0].dataset.status !== "failed") navigate(href);
}

const PARTS = {
  "search-part": restoreTyped,
  "plot-search-part": restoreTyped,
  banner: () => {},
  "image-view": readyImage,
  gallery: neighbours,
  progress: readyProgress,
  trace: () => {},
};

function refresh() {
  for (const [id, ready] of Object.entries(PARTS)) {
    const part = document.getElementById(id);
    if (!part) continue;
    const now = part.innerHTML.length + ":" + (part.querySelector("[data-image]")?.dataset.image ?? "");
    const first = part.querySelector("div > *");
    if (part.fpSeen === first && part.fpNow === now && id !== "progress") continue;
    localTimes(part);
    part.fpSeen = part.querySelector("div > *");
    part.fpNow = part.innerHTML.length + ":" + (part.querySelector("[data-image]")?.dataset.image ?? "");
    ready(part);
  }
  keepFocus();
  say();
  if (document.title !== title) document.title = title; // Gradio sets its own at the start
}

let due = 0;
new MutationObserver(() => {
  if (!due) due = requestAnimationFrame(() => { due = 0; refresh(); });
}).observe(document.documentElement, { childList: true, subtree: true });

function chosen() {
  setTimeout(() => press("watch"), 300);
}
document.addEventListener("change", (event) => {
  if (event.target.matches?.("#upload input[type=file]")) chosen();
}, true);
document.addEventListener("drop", (event) => {
  if (event.target.closest?.("#upload")) chosen();
}, true);

const ACTIONS = {
  delete: () => confirmThen("Erase this image?", "Upload, result and annotated picture are gone for good.",
    "Erase", () => press("do-delete")),
  again: () => press("do-again"),
  sample: (button) => sendSample(button),
  pause: () => press("do-pause"),
  resume: () => press("do-resume"),
  "choose-all": chooseAll,
  "choose-none": chooseNone,
  "many-again": () => withChosen("again"),
  "many-delete": () => confirmThen(`Erase ${chosenIds().length} images?`,
    "Uploads, results and annotated pictures are gone for good.", "Erase", () => withChosen("delete")),
  keys: () => showKeys(),
  correct: (button) => correct(Number(button.closest("[data-face]").dataset.face)),
  undo: (button) => tell({ undo: button.dataset.numbers.split(",").map(Number) }),
  draw: (button) => drawMissed(button.closest(".fp-image")),
  previous: () => step(-1),
  next: () => step(1),
};

// What a person says goes to the server with the press of a hidden button.
function tell(said, button = "do-correct") {
  window.fpSaid = JSON.stringify(said);
  press(button);
}

function withChosen(what) {
  tell({ do: what, images: chosenIds() }, "do-many");
  chooseNone();
}

function correct(index) {
  askTruth(index, tell);
}

function drawMissed(image) {
  draw(image, (box) => tell({ kind: "missed_face", box }));
}

function step(by) {
  const known = JSON.parse(sessionStorage.getItem("fp-neighbours") ?? "[]");
  const here = known.indexOf(`?image=${new URLSearchParams(location.search).get("image")}`);
  if (here >= 0 && known[here + by]) navigate(known[here + by]);
}

function act(target) {
  const button = target.closest?.("[data-do]");
  if (button?.dataset.do in ACTIONS) ACTIONS[button.dataset.do](button);
}

document.addEventListener("click", (event) => act(event.target));
document.addEventListener("change", (event) => takeChosen(event.target));
for (const target of window.fpEarly.splice(0)) { act(target); takeChosen(target); }
window.fpEarly = null;
function otherTab(event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const tabs = [...document.querySelectorAll("#tabs [role=tab]")];
  if (by) tabs[(tabs.indexOf(event.target) + by + tabs.length) % tabs.length].focus();
}

// Services tell of their work some seconds after it: who opens a trace sees the rest come.
document.addEventListener("click", (event) => {
  if (!event.target.closest?.("#trace-part > button")) return;
  for (const seconds of [1, 2, 4, 8, 16]) setTimeout(() => press("do-trace"), 1000 * seconds);
});

// A menu closes by a click elsewhere, and by Escape, which gives its button the focus.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".fp-menu[open]")) menu.open = menu.contains(event.target);
});
document.addEventListener("keydown", (event) => {
  const menu = document.querySelector(".fp-menu[open]");
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?") showKeys();
  if (event.target.matches("#tabs [role=tab]")) return otherTab(event);
  if (!new URLSearchParams(location.search).get("image")) return;
  const chosen = document.querySelector(".fp-card.fp-selected")?.dataset.face;
  if (event.key === "c" && chosen !== undefined) { event.preventDefault(); correct(Number(chosen)); }
  if (event.key === "m") drawMissed(document.querySelector(".fp-image"));
  if (event.key === "[" || event.key === "p") step(-1);
  if (event.key === "]" || event.key === "n") step(1);
});

follow((query) => { if (!query.get("image")) document.title = title = TITLE; });
