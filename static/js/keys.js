/* One listener for the whole keyboard. A key either clicks what is marked with data-key, or runs
   a function that a page registered. Keys rest in text fields and under Ctrl, Alt and Meta. */

const handlers = [];
const TEXT_TYPES = ["text", "password", "search", "email", "number", "date", "url", "tel", "time"];

export function onKey(handler) {
  handlers.push(handler);
}

function isTyping(target) {
  if (target.isContentEditable || ["TEXTAREA", "SELECT"].includes(target.tagName)) return true;
  return target.tagName === "INPUT" && TEXT_TYPES.includes(target.type);
}

function worksByItself(event) {
  if (!["Enter", " "].includes(event.key)) return false;
  return event.target.closest("button, summary, a[href], input") !== null;
}

function name(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if (digit && !event.shiftKey) return digit[1];
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

function clickMarked(key) {
  const marked = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)];
  const found = marked.find((element) => !element.closest(":disabled") && element.checkVisibility());
  if (!found) return false;
  found.click();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (event.key === "Escape" && isTyping(event.target)) return event.target.blur();
  if (isTyping(event.target) || worksByItself(event)) return undefined;
  if (document.querySelector("dialog[open]") && event.key !== "?") return undefined;
  const key = name(event);
  const wasTaken = handlers.some((handler) => handler(key, event) === true);
  if (wasTaken || (!event.shiftKey && !event.repeat && clickMarked(key))) event.preventDefault();
  return undefined;
}, true);
