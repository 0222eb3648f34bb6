// Images of the gallery that somebody has chosen, and what can be done with all of them.
const chosen = new Set();

function boxes() {
  return [...document.querySelectorAll("#gallery .fp-pick")];
}

function show() {
  const bar = document.querySelector("#gallery .fp-chosen");
  if (!bar) return;
  for (const box of boxes()) box.checked = chosen.has(box.value);
  bar.hidden = chosen.size === 0;
  const said = `${chosen.size} chosen`;
  const count = bar.querySelector(".fp-count");
  if (count.textContent !== said) count.textContent = said;
  bar.querySelector(".fp-zip").href = `/files/chosen.zip?${[...chosen].map((id) => `image=${id}`).join("&")}`;
}

// After the gallery was drawn anew: what is there no longer is not chosen either.
export function ready() {
  const here = new Set(boxes().map((box) => box.value));
  for (const id of chosen) if (!here.has(id)) chosen.delete(id);
  show();
}

export function chooseAll() {
  for (const box of boxes()) chosen.add(box.value);
  show();
}

export function chooseNone() {
  chosen.clear();
  show();
}

export function ids() {
  return [...chosen];
}

document.addEventListener("change", (event) => {
  if (!event.target.matches?.("#gallery .fp-pick")) return;
  if (event.target.checked) chosen.add(event.target.value); else chosen.delete(event.target.value);
  show();
});
