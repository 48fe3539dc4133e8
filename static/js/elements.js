/* Makes an element with its attributes and what is in it; false and null attributes are left out. */

export function element(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "value") made.value = value;
    else if (key === "checked" || key === "selected") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...inside.flat().filter((one) => one !== null && one !== false));
  return made;
}

/* Returns the content of a script of JSON that the server put on the page. */
export function told(id) {
  const script = document.getElementById(id);
  return script ? JSON.parse(script.textContent) : null;
}
