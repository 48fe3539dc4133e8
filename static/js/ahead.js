/* The items that come next, fetched and claimed before anybody asks for them, so that a verdict
   brings up the next one at once. What was not looked at is given back when the page is left. */

const FRESH_SHARE = 0.8; // of a claim's time; an older page may show what somebody else has decided
const held = new Map(); // id -> {id, url, main, title, until}
const fetching = new Map(); // id -> a promise that it is at hand, or cannot be had
const decided = new Set(); // verdicts that are on their way: the server may not know of them yet
const judged = new Set(); // since this page was loaded
let wanted = [];
let releaseAt = null;
let turn = 0;

function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

/* Returns the token of the session as it is now; a page in memory may carry an older one. */
export function token() {
  return cookie("csrftoken") || document.querySelector("[name=csrfmiddlewaretoken]")?.value || "";
}

function fields(values) {
  const form = new FormData();
  form.set("csrfmiddlewaretoken", token());
  for (const [name, value] of Object.entries(values)) form.set(name, value);
  return form;
}

/* Reads a whole page that the server answered with. */
export function read(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const main = page.getElementById("main");
  return {
    main: main ? document.importNode(main, true) : null,
    toasts: page.getElementById("toasts"),
    refusal: page.getElementById("refusal"),
    title: page.title,
  };
}

/* What is not at once to be seen is asked for once somebody stays: see ItemPage.enter. */
function putOff(main) {
  for (const picture of main.querySelectorAll("img[loading=lazy]")) {
    picture.dataset.src = picture.getAttribute("src");
    picture.removeAttribute("src");
  }
}

async function fetchItem({ id, url }, until) {
  const answer = await fetch(url, { headers: { "X-Requested-With": "ahead" } });
  if (!answer.ok || answer.redirected) return null;
  const { main, title } = read(await answer.text());
  const root = main?.querySelector("[data-item]");
  if (!root || root.querySelector("fieldset:disabled")) return null;
  putOff(main);
  await main.querySelector("[data-filmstrip] img")?.decode().catch(() => {});
  return { id, url, main, title, until };
}

/* Fetches an item unless it is at hand or on its way; what is no longer wanted then is dropped. */
function bring(one, until) {
  if (held.has(one.id)) {
    held.get(one.id).until = until;
    return null;
  }
  if (!fetching.has(one.id)) {
    const coming = fetchItem(one, until)
      .catch(() => null)
      .then((entry) => {
        fetching.delete(one.id);
        if (entry && wanted.includes(one.id)) held.set(one.id, entry);
      });
    fetching.set(one.id, coming);
  }
  return fetching.get(one.id);
}

/* Makes sure that what comes after the item of ``root`` is at hand. */
export async function look(root) {
  const mine = ++turn;
  if (!root?.dataset.ahead) return giveBack();
  releaseAt = root.dataset.release;
  const here = Number(root.dataset.item);
  held.delete(here);
  wanted = wanted.filter((id) => id !== here);
  try {
    const answer = await fetch(root.dataset.ahead, {
      method: "POST",
      body: fields({ after: root.dataset.item }),
    });
    if (!answer.ok || answer.redirected || mine !== turn) return;
    const { items, seconds } = await answer.json();
    if (mine !== turn) return;
    const following = items.filter(({ id }) => !decided.has(id));
    const unwanted = wanted.filter((id) => !following.some((one) => one.id === id));
    wanted = following.map(({ id }) => id);
    drop(unwanted.filter((id) => !decided.has(id)));
    const until = performance.now() + seconds * 1000 * FRESH_SHARE;
    for (const one of following) {
      await bring(one, until);
      if (mine !== turn) return;
    }
  } catch {
    // Without the next items at hand a verdict takes as long as the server needs.
  }
}

/* Waits for the next item where it is on its way. */
export async function coming() {
  await fetching.get(wanted[0]);
}

export const isComing = () => fetching.has(wanted[0]);

/* Takes the next item out of what is at hand, or the one with this address; null for none. */
export function take(url = null) {
  for (const id of wanted) {
    const found = held.get(id);
    if (!found) {
      if (url === null) return null;
      continue;
    }
    if (url !== null && found.url !== url) continue;
    held.delete(id);
    wanted = wanted.filter((one) => one !== id);
    if (found.until > performance.now()) return found;
    if (url === null) return null;
  }
  return null;
}

/* Puts an item that was on the screen for a moment back before the others. */
export function putBack(entry) {
  held.set(entry.id, entry);
  wanted = [entry.id, ...wanted.filter((id) => id !== entry.id)];
}

export const mark = (id) => {
  decided.add(Number(id));
  judged.add(Number(id));
};
export const unmark = (id) => decided.delete(Number(id));
export const takeBack = (id) => {
  unmark(id);
  judged.delete(Number(id));
};

/* Says whether a verdict on an item was given here: what was fetched before it knows nothing of it. */
export const isJudged = (id) => judged.has(Number(id));

function drop(ids) {
  for (const id of ids) held.delete(id);
  if (!ids.length || !releaseAt) return;
  navigator.sendBeacon(releaseAt, fields({ unseen: ids.join(",") }));
}

/* Gives back every claim on what nobody has looked at. */
export function giveBack() {
  turn += 1;
  const unseen = wanted;
  wanted = [];
  drop(unseen);
}

addEventListener("pagehide", giveBack);
