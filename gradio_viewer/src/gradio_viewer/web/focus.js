// Focus stays where it was when Gradio draws a part anew: on the same control, or the one in its place.
const NAMES = ["id", "href", "value", "data-face", "data-do", "name", "class"];
let last = null; // the control that has it: its part, what tells it from others, and its place

function controls(part) {
  return [...part.querySelectorAll("a[href], button, input, select, summary, textarea, [tabindex]")];
}

function partOf(element) {
  return element.closest(".gradio-container .block[id]")?.id;
}

function faceOf(element) {
  return element.closest("[data-face]")?.dataset.face;
}

function note(element) {
  const part = partOf(element);
  const at = part ? controls(document.getElementById(part)).indexOf(element) : -1;
  if (at < 0) { last = null; return; } // what only a browser gives the focus to has no place here
  const names = NAMES.map((name) => [name, element.getAttribute(name)]).filter(([, value]) => value);
  last = { element, part, names, face: faceOf(element), at };
}

document.addEventListener("focusin", (event) => note(event.target));
note(document.activeElement); // before this script came
// Who clicks elsewhere, or leaves by a key, has left.
document.addEventListener("focusout", (event) => { if (event.target.isConnected && event.relatedTarget) last = null; });
document.addEventListener("pointerdown", (event) => {
  if (last && !last.element.contains(event.target)) last = null;
}, true);

function sameness(control) {
  if (control.tagName !== last.element.tagName || faceOf(control) !== last.face) return 0;
  return last.names.filter(([name, value]) => control.getAttribute(name) === value).length / last.names.length;
}

// Gradio changes what is there where it can: a control may have become that of another image.
export function keepFocus() {
  if (!last || ![document.body, last.element].includes(document.activeElement)) return;
  const stays = last.element.isConnected;
  if (stays && sameness(last.element) === 1) return;
  const part = document.getElementById(last.part);
  const all = part ? controls(part) : [];
  if (!all.length) return;
  let best = stays ? last.element : all[Math.min(last.at, all.length - 1)];
  for (const control of all) if (sameness(control) > sameness(best)) best = control;
  if (best !== document.activeElement) best.focus({ preventScroll: true });
}
