// Questions and help, in the browser's own dialogs: Escape closes them, focus comes back.
const KEYS = [
  ["← → ↑ ↓", "the face before, the next face"],
  ["Esc", "the whole photograph again"],
  ["+ − 0", "larger, smaller, fit"],
  ["b", "boxes on and off"],
  ["l", "landmarks on and off"],
  ["c", "correct the chosen face"],
  ["m", "draw a face that was missed"],
  ["[ ]", "the image before, the next image"],
  ["?", "this list"],
];

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function stayInside(dialog, event) {
  const all = [...dialog.querySelectorAll("button, input, select")];
  const [end, begin] = event.shiftKey ? [all[0], all.at(-1)] : [all.at(-1), all[0]];
  if (document.activeElement !== end) return;
  event.preventDefault();
  begin.focus();
}

function open(...children) {
  const dialog = element("dialog", "", "fp-dialog");
  dialog.append(...children);
  dialog.setAttribute("aria-label", children[0].textContent);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("keydown", (event) => { if (event.key === "Tab") stayInside(dialog, event); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  (document.querySelector(".gradio-container") ?? document.body).append(dialog);
  dialog.showModal();
  return dialog;
}

export function showKeys() {
  if (document.querySelector("dialog[open]")) return;
  const list = element("dl");
  for (const [key, text] of KEYS) list.append(element("dt", key), element("dd", text));
  const close = element("button", "Close", "fp-button");
  const dialog = open(element("h3", "Keys of an image"), list, close);
  close.addEventListener("click", () => dialog.close());
}

// What a person knows of a face; `then` gets it as the API takes it.
export function askTruth(index, then) {
  const form = element("form", "", "fp-truth");
  form.method = "dialog";
  const age = element("input");
  Object.assign(age, { type: "number", min: 0, max: 120, name: "age" });
  const gender = element("select");
  gender.name = "gender";
  for (const [value, text] of [["", "as it is"], ["female", "female"], ["male", "male"]]) {
    gender.append(Object.assign(element("option", text), { value }));
  }
  for (const [text, field] of [["True age", age], ["True gender", gender]]) {
    const label = element("label", text);
    label.append(field);
    form.append(label);
  }
  const row = element("div", "", "fp-answers");
  const [wrong, no, save] = [["Not a face", "fp-button"], ["Cancel", "fp-button"], ["Save", "fp-button fp-main"]].map(
    ([text, name]) => Object.assign(element("button", text, name), { type: "button" }));
  save.type = "submit";
  row.append(wrong, no, save);
  form.append(row);
  const dialog = open(element("h3", `Correct face ${index}`), form);
  wrong.addEventListener("click", () => { dialog.close(); then({ kind: "not_a_face", face_index: index }); });
  no.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", () => {
    const said = { kind: "truth", face_index: index };
    if (age.value !== "") said.age = Number(age.value);
    if (gender.value) said.gender = gender.value;
    if ("age" in said || "gender" in said) then(said);
  });
  age.focus();
}

export function confirmThen(title, text, yes, then) {
  const [no, go] = [element("button", "Cancel", "fp-button"), element("button", yes, "fp-button fp-danger")];
  const row = element("div", "", "fp-answers");
  row.append(no, go);
  const dialog = open(element("h3", title), element("p", text), row);
  no.addEventListener("click", () => dialog.close());
  go.addEventListener("click", () => { dialog.close(); then(); });
}
