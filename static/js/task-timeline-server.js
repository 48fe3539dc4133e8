/* What the server is told and answers, and what this browser keeps until it has said yes. */

import { toast } from "./app.js";
import { element } from "./elements.js";

const STILL = "Nothing was saved, and your spans are still here.";
const OUT = `You are signed out. Sign in again in another window, then save again. ${STILL}`;
const AWAY = `The server cannot be reached. ${STILL}`;

export class SpanServer extends EventTarget {
  constructor(form, draft, told) {
    super();
    Object.assign(this, { form, draft, told, version: told.version, isBusy: false, isKept: true });
    this.name = `spans-${told.user}-${told.labelSet}-${told.footage}`;
    this.refusal = form.querySelector("[data-refusal]");
    this.token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    draft.addEventListener("change", ({ detail }) => detail.isPassing || this.keep());
  }

  keep() {
    try {
      if (!this.draft.isChanged) localStorage.removeItem(this.name);
      else localStorage.setItem(this.name, JSON.stringify({ version: this.version, spans: this.draft.spans }));
      this.isKept = true;
    } catch {
      this.isKept = false;
    }
  }

  /* Returns what an earlier visit left unsaved, null where it left nothing. */
  kept() {
    try {
      const found = JSON.parse(localStorage.getItem(this.name) ?? "null");
      return Array.isArray(found?.spans) ? found : null;
    } catch {
      return null;
    }
  }

  restore(say) {
    const kept = this.kept();
    if (!kept) return;
    if (kept.version !== this.version) {
      this.tell("These labels were saved since you began yours, which are kept.", [
        this.button("Put mine in their place", () => this.take(kept)),
        this.button("Drop mine", () => this.forget()),
      ]);
      return;
    }
    this.draft.set(kept.spans);
    say("Your unsaved spans are back. Undo takes them away.");
  }

  take({ spans }) {
    this.clear();
    this.draft.set(spans);
  }

  forget() {
    this.clear();
    localStorage.removeItem(this.name);
  }

  async save() {
    if (this.isBusy) return;
    const sent = this.draft.text;
    const body = new URLSearchParams();
    body.set("csrfmiddlewaretoken", this.token);
    const isCorrection = this.told.span !== null;
    body.set("document", JSON.stringify({ spans: this.draft.spans, version: this.version, is_correction: isCorrection }));
    const answered = await this.post(this.form.dataset.action, body);
    if (answered) this.saved(answered, sent);
  }

  /* Sends a file, or asks for an earlier version; what comes back is what is saved then. */
  async replace(address, body) {
    if (this.isBusy) return false;
    body.set("csrfmiddlewaretoken", this.token);
    body.set("version", String(this.version));
    const answered = await this.post(address, body);
    if (!answered) return false;
    this.draft.set(answered.spans);
    this.saved(answered, this.draft.text);
    return true;
  }

  /* Returns what the server said to a request that it granted; shows what it refused. */
  async post(address, body) {
    this.isBusy = true;
    const { answer, problem } = await this.ask(address, body);
    this.isBusy = false;
    this.clear();
    const told = answer ? await answer.json().catch(() => null) : null;
    if (answer?.ok && told) return told;
    this.refuse(problem ?? told?.error?.message ?? said(answer), told?.error);
    return null;
  }

  async ask(address, body) {
    try {
      const answer = await fetch(address, {
        method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual",
      });
      return answer.type === "opaqueredirect" ? { problem: OUT } : { answer };
    } catch {
      return { problem: AWAY };
    }
  }

  saved(told, sent) {
    this.version = told.version;
    this.draft.markSaved(sent);
    this.keep();
    toast(told.message);
    this.dispatchEvent(new CustomEvent("saved", { detail: told }));
  }

  refuse(message, error) {
    const version = error?.code === "stale_version" ? error.fields?.version : null;
    if (!version) {
      const lines = Object.values(error?.fields ?? {}).filter((text) => !message.includes(text));
      this.tell(message, [], message.includes(STILL) ? [] : [...lines, STILL]);
      return;
    }
    this.tell(message, [
      element("a", { class: "button", href: this.form.dataset.action, target: "_blank" }, "Look at theirs"),
      this.button("Put mine in their place", () => {
        this.version = Number(version);
        this.save();
      }),
    ], [STILL]);
  }

  tell(message, acts, lines = []) {
    this.refusal.className = "notice notice-bad";
    this.refusal.setAttribute("role", "alert");
    this.refusal.replaceChildren(
      element("p", {}, element("strong", {}, message)),
      ...lines.map((line) => element("p", { class: "small" }, line)),
      acts.length ? element("p", { class: "refusal-acts" }, ...acts) : "",
    );
    this.refusal.scrollIntoView({ block: "nearest" });
  }

  button(text, act) {
    return element("button", { type: "button", onclick: act }, text);
  }

  clear() {
    this.refusal.className = "";
    this.refusal.removeAttribute("role");
    this.refusal.replaceChildren();
  }
}

function said(answer) {
  if (answer?.status === 403) return `You may not do this any more. ${STILL}`;
  return `The server answered ${answer?.status ?? "nothing"}. ${STILL}`;
}
