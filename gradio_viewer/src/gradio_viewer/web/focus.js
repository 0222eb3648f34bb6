// Focus stays where it was when Gradio draws a part anew: on the same control, or the one in its place.
const NAMES = ["id", "href", "value", "data-face", "data-do", "name", "class"];
let last = null; // of the control that had it: the part, what tells it from others, and its place

function controls(part) {
  return [...part.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")];
}

function partOf(element) {
  return element.closest(".gradio-container .block[id]")?.id;
}

document.addEventListener("focusin", (event) => {
  const part = partOf(event.target);
  if (!part) { last = null; return; }
  const names = NAMES.map((name) => [name, event.target.getAttribute(name)]).filter(([, value]) => value);
  last = { element: event.target, part, names, at: controls(document.getElementById(part)).indexOf(event.target) };
});
// Who clicks elsewhere, or leaves by a key, has left.
document.addEventListener("focusout", (event) => { if (event.target.isConnected && event.relatedTarget) last = null; });
document.addEventListener("pointerdown", (event) => {
  if (last && !last.element.contains(event.target)) last = null;
}, true);

function sameness(control) {
  const { names } = last;
  const own = control.closest("[data-face]")?.dataset.face;
  const was = last.element.closest("[data-face]")?.dataset.face;
  if (control.tagName !== last.element.tagName || own !== was) return 0;
  return names.filter(([name, value]) => control.getAttribute(name) === value).length / names.length;
}

export function keepFocus() {
  if (!last || last.element.isConnected || document.activeElement !== document.body) return;
  const part = document.getElementById(last.part);
  const all = part ? controls(part) : [];
  if (!all.length) return;
  let best = all[Math.min(last.at, all.length - 1)];
  for (const control of all) if (sameness(control) > sameness(best)) best = control;
  best.focus({ preventScroll: true });
}
