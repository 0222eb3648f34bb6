// What a person puts into the search stays until it is sent, also when an answer draws the form anew.
const typed = new Map();

document.addEventListener("input", (event) => {
  if (event.target.name && event.target.closest?.(".fp-search")) typed.set(event.target.name, event.target.value);
}, true);

export function restoreTyped(part) {
  for (const [name, value] of typed) {
    const field = part.querySelector(`.fp-search [name="${name}"]`);
    if (field && field.value !== value) field.value = value;
  }
}

export function forgetTyped() {
  typed.clear();
}

// The search as an address, without what is empty.
export function queryOf(form) {
  const query = new URLSearchParams(new FormData(form));
  for (const [name, value] of typed) query.set(name, value);
  for (const [name, value] of [...query]) if (!value.trim()) query.delete(name);
  return query;
}
