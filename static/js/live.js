/* News while a page is open: the number that waits in the navigation, and a quiet "n new".
   One tab listens for all, where the browser lets tabs agree on that: browsers open few connections
   to a server, and a listening one is taken for good. */

const count = document.querySelector("[data-live-count]");
const chip = document.querySelector("[data-live-new]");
const channel = "BroadcastChannel" in window ? new BroadcastChannel("second-look-live") : null;
const kinds = ["incident", "needs_review", "counts"];
let last = null;
let fresh = 0;
let source = null;

function show({ kind, told }) {
  if (kind === "counts") {
    const waiting = told.pending_review || 0;
    if (chip?.dataset.liveNew === "items" && last !== null) fresh += Math.max(0, waiting - last);
    last = waiting;
    count.textContent = waiting.toLocaleString("en");
    count.hidden = waiting === 0;
  } else if (kind === "needs_review" || chip?.dataset.liveNew === "incidents") {
    fresh += 1;
  }
  if (chip && fresh) {
    chip.textContent = `${fresh} new`;
    chip.hidden = false;
  }
}

/* Ends once the server will have no more of it; a connection that broke is made again by itself. */
function listen() {
  return new Promise((resolve) => {
    source = new EventSource(count.dataset.liveCount);
    for (const kind of kinds) {
      source.addEventListener(kind, (event) => {
        const message = { kind, told: JSON.parse(event.data) };
        show(message);
        channel?.postMessage(message);
      });
    }
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) resolve();
    });
    window.addEventListener("pagehide", () => {
      source.close();
      resolve();
    });
  });
}

function begin() {
  if (channel && navigator.locks) {
    navigator.locks.request("second-look-live", listen);
    channel.postMessage({ kind: "asked" });
  } else {
    listen();
  }
}

if (count && "EventSource" in window) {
  channel?.addEventListener("message", ({ data }) => {
    if (data.kind !== "asked") show(data);
    else if (source && last !== null) {
      channel.postMessage({ kind: "counts", told: { pending_review: last } });
    }
  });
  window.addEventListener("pageshow", (event) => event.persisted && begin());
  begin();
}
