/* What the server is told, what it answers, and what is kept in this tab until it has said yes. */

import { toast } from "./app.js";
import { element } from "./elements.js";

const STILL = "Nothing was saved, and your boxes are still here.";
const OUT = `You are signed out. Sign in again in another window, then save again. ${STILL}`;
const AWAY = `The server cannot be reached. ${STILL}`;

export class BoxServer extends EventTarget {
  constructor(form, draft, stage, told) {
    super();
    Object.assign(this, { form, draft, stage, version: told.version, isBusy: false });
    this.name = `boxes-${told.user}-${told.evidence}`;
    this.refusal = form.querySelector("[data-refusal]");
    draft.addEventListener("change", ({ detail }) => detail.isPassing || this.keep());
  }

  /* Keeps the draft through a reload and through a look at another picture. */
  keep() {
    try {
      if (!this.draft.isChanged) sessionStorage.removeItem(this.name);
      else sessionStorage.setItem(this.name, JSON.stringify({ version: this.version, draft: this.draft.document }));
      this.isKept = true;
    } catch {
      this.isKept = false;
    }
  }

  /* Puts back what an earlier visit left unsaved. */
  restore() {
    const kept = JSON.parse(sessionStorage.getItem(this.name) ?? "null");
    if (!kept) return;
    if (kept.version !== this.version) {
      this.tell("Boxes of this picture were saved since you began yours, which are kept.", [
        this.button("Put mine in their place", () => this.take(kept)),
        this.button("Drop mine", () => this.forget()),
      ]);
      return;
    }
    this.draft.restore(kept.draft);
    this.stage.say("Your unsaved boxes are back. Undo takes them away.");
  }

  take(kept) {
    this.clear();
    this.draft.restore(kept.draft);
  }

  forget() {
    this.clear();
    sessionStorage.removeItem(this.name);
  }

  async save({ isNegative = false, exhaustive = null, isMeant = false } = {}) {
    if (this.isBusy) return;
    this.isBusy = true;
    const asked = { isNegative, exhaustive, isMeant };
    const { boxes, exhaustive: ticked } = this.draft.document;
    const sent = this.draft.text;
    const body = new URLSearchParams(new FormData(this.form));
    body.set("document", JSON.stringify({
      boxes: isNegative ? [] : boxes,
      exhaustive: exhaustive ?? ticked,
      is_negative: isNegative,
      version: this.version,
      confirmed_odd: isMeant,
    }));
    const { answer, problem } = await this.ask(body);
    this.isBusy = false;
    this.clear();
    const told = answer ? await answer.json().catch(() => null) : null;
    if (answer?.ok && told) this.saved(told, sent);
    else this.refuse(problem ?? told?.error?.message ?? said(answer), told, asked);
  }

  async ask(body) {
    try {
      const answer = await fetch(this.form.action, {
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
    sessionStorage.removeItem(this.name);
    toast(told.message);
    this.dispatchEvent(new CustomEvent("saved", { detail: told }));
  }

  refuse(message, told, asked) {
    const error = told?.error;
    if (error?.code === "look_again") {
      this.stage.findings = error.fields;
      this.draft.tell(this.draft, true);
      this.dispatchEvent(new Event("findings"));
      this.tell("This looks odd. Save it anyway if it is right.", [
        this.button("Save anyway", () => this.save({ ...asked, isMeant: true }), "primary"),
      ], Object.values(error.fields));
    } else if (error?.code === "stale_version" && error.fields?.version) {
      this.tell(message, [
        element("a", { class: "button", href: this.form.action, target: "_blank" }, "Look at theirs"),
        this.button("Put mine in their place", () => {
          this.version = Number(error.fields.version);
          this.save(asked);
        }),
      ], [STILL]);
    } else this.tell(message, [], message.includes(STILL) ? [] : [STILL, ...more(error, message)]);
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
    this.refusal.querySelector("button.primary")?.focus();
  }

  button(text, act, kind = "") {
    return element("button", { type: "button", class: kind, onclick: act }, text);
  }

  clear() {
    this.refusal.className = "";
    this.refusal.removeAttribute("role");
    this.refusal.replaceChildren();
  }
}

function more(error, message) {
  return Object.values(error?.fields ?? {}).filter((text) => !message.includes(text));
}

function said(answer) {
  if (answer?.status === 403) return `You may not do this any more. ${STILL}`;
  return `The server answered ${answer?.status ?? "nothing"}. ${STILL}`;
}
