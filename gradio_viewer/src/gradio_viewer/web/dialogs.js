// Questions and help, in the browser's own dialogs: Escape closes them, focus comes back.
const KEYS = [
  ["← → ↑ ↓", "the face before, the next face"],
  ["Esc", "the whole photograph again"],
  ["+ − 0", "larger, smaller, fit"],
  ["b", "boxes on and off"],
  ["l", "landmarks on and off"],
  ["[ ]", "the image before, the next image"],
  ["?", "this list"],
];

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function open(...children) {
  const dialog = element("dialog", "", "fp-dialog");
  dialog.append(...children);
  dialog.addEventListener("close", () => dialog.remove());
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

export function confirmThen(title, text, yes, then) {
  const [no, go] = [element("button", "Cancel", "fp-button"), element("button", yes, "fp-button fp-danger")];
  const row = element("div", "", "fp-answers");
  row.append(no, go);
  const dialog = open(element("h3", title), element("p", text), row);
  no.addEventListener("click", () => dialog.close());
  go.addEventListener("click", () => { dialog.close(); then(); });
}
