/* What is typed as a note outlives a page that is loaded anew: a session that ends, a lost network.
   It stays in this tab, and goes once the verdict is stored or the person signs out. */

const name = (item) => `note:${item}`;

export function keep(item, text) {
  if (text) sessionStorage.setItem(name(item), text);
  else sessionStorage.removeItem(name(item));
}

export function forget(item) {
  sessionStorage.removeItem(name(item));
}

/* Puts a kept note back into the field of an item's page, and keeps what is typed from now on. */
export function watch(root) {
  const field = root.querySelector("[data-note]");
  if (!field) return;
  const { item } = root.dataset;
  if (!field.value) field.value = sessionStorage.getItem(name(item)) ?? "";
  field.addEventListener("input", () => keep(item, field.value));
}

document.addEventListener("submit", ({ target }) => {
  if (target.matches("[data-logout]")) sessionStorage.clear();
});
