// What is heard: one place that stays, while Gradio draws the parts anew.
const region = document.createElement("div");
region.className = "fp-hush";
region.id = "said";
region.setAttribute("role", "status");
let before = "";

// What a person would see at first sight of the part that is shown.
const SIGHTS = [".fp-drawing-help", "#progress .fp-sum", "#progress .fp-is-bad", "#gallery .fp-chosen:not([hidden]) .fp-count",
  "#gallery .fp-total", "#gallery .fp-empty", "#image-view .fp-name", "#image-view .fp-facts", "#banner .fp-paused > span"];

export function say() {
  const parts = SIGHTS.flatMap((sight) => [...document.querySelectorAll(sight)].slice(0, 3))
    .filter((part) => part.offsetParent !== null && !part.closest(".fp-card"));
  const text = parts.map((part) => part.innerText.trim().replace(/\s+/g, " ")).filter(Boolean).join(". ");
  if (text === before) return;
  before = text;
  if (!region.isConnected) (document.querySelector(".gradio-container") ?? document.body).append(region);
  region.textContent = text;
}
