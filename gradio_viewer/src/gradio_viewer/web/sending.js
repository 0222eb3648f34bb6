// A whole folder, chosen or dropped, and the camera: their files go the way of all others.
const JUNK = /^(\.|thumbs\.db$|desktop\.ini$)/i; // what systems leave in folders

function handOver(files) {
  const input = document.querySelector("#upload input[type=file]");
  const all = new DataTransfer();
  for (const file of files) if (!JUNK.test(file.name)) all.items.add(file);
  if (!input || !all.files.length) return;
  input.files = all.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

// The photograph that the page brings along.
export async function sendSample(button) {
  button.disabled = true;
  try {
    const answer = await fetch("/page/sample.png");
    if (answer.ok) handOver([new File([await answer.blob()], "astronaut.png", { type: "image/png" })]);
  } finally {
    button.disabled = false;
  }
}

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a reader gives a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const inner of some) found.push(...await filesOf(inner));
  }
}

// A folder, or what the camera took.
export function takeChosen(field) {
  if (!field.matches?.("#ways input[type=file]") || !field.files.length) return;
  handOver(field.files);
  field.value = "";
}

document.addEventListener("drop", (event) => {
  if (!event.target.closest?.("#upload")) return;
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  Promise.all(entries.map(filesOf)).then((found) => handOver(found.flat()));
}, true);
