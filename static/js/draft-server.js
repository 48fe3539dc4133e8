/* What the draft asks of the server: what it would change, and to be saved. Nothing that fails
   here touches the draft. */

import { toast } from "./app.js";
import { clearErrors, showError } from "./draft-errors.js";
import { element, told } from "./elements.js";

const PAUSE_MS = 900;
const OUT = "You are signed out. Sign in again in another window, then repeat this: your draft is still here.";
const AWAY = "The server cannot be reached. Nothing was saved, and your draft is still here.";

export class DraftServer {
  constructor(form, draft, rules) {
    Object.assign(this, { form, draft, rules, running: null, timer: null });
    this.result = form.querySelector("[data-effect-result]");
    this.refusal = form.querySelector("[data-refusal]");
    draft.addEventListener("change", ({ detail }) => {
      if (detail.isPassing || detail.by === draft) return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.seeEffect(), PAUSE_MS);
    });
  }

  /* Returns the answer, or null when there is none that this page could use. */
  async ask(address, headers, signal) {
    const body = new URLSearchParams(new FormData(this.form));
    body.set("document", this.draft.text);
    try {
      const answer = await fetch(address, { method: "POST", body, headers, signal, redirect: "manual" });
      return answer.type === "opaqueredirect" ? { problem: OUT } : { answer };
    } catch (error) {
      return error.name === "AbortError" ? {} : { problem: AWAY };
    }
  }

  async seeEffect() {
    clearTimeout(this.timer);
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.result.setAttribute("aria-busy", "true");
    const { answer, problem } = await this.ask(this.form.dataset.effect, { "HX-Request": "true" }, running.signal);
    const text = answer && [200, 422].includes(answer.status) ? await answer.text().catch(() => "") : "";
    if (this.running !== running) return;
    this.result.removeAttribute("aria-busy");
    if (text) this.showEffect(text);
    else this.result.replaceChildren(element("p", { class: "notice notice-bad" }, problem ?? refused(answer)));
  }

  /* The fragment is our own server's; its scripts are only ever read as JSON. */
  showEffect(text) {
    const parsed = new DOMParser().parseFromString(text, "text/html");
    this.result.replaceChildren(...parsed.body.childNodes);
    this.showBrief();
    clearErrors(this.form);
    this.showFields(told("effect-errors"));
  }

  /* The two figures in the bar, which is on the screen wherever one edits. */
  showBrief() {
    const sum = this.result.querySelector(".effect-sum");
    const brief = this.form.querySelector("[data-effect-brief]");
    brief.hidden = !sum;
    if (!sum) return;
    const { before, after } = sum.dataset;
    brief.replaceChildren(element("strong", {}, `${before} → ${after}`), " in the last hour");
  }

  showFields(fields) {
    const shown = Object.entries(fields ?? {}).map(([key, problem]) => showError(this.form, this.rules, key, problem));
    return shown.find((field) => field) ?? null;
  }

  async save() {
    const sent = this.draft.text;
    const { answer, problem } = await this.ask(this.form.action, { Accept: "application/json" });
    clearErrors(this.form);
    this.refusal.replaceChildren();
    this.refusal.className = "";
    if (problem) {
      this.refuse(problem);
      return;
    }
    const told = await answer.json().catch(() => null);
    if (answer.ok && told) {
      this.form.elements.version.value = told.version;
      this.draft.markSaved(sent);
      this.showPicture(told.version);
      toast("Saved.");
      return;
    }
    this.refuse(told?.error?.message ?? refused(answer), told);
  }

  /* Private zones are blackened in the picture itself. */
  showPicture(version) {
    const picture = this.form.querySelector("[data-picture] img");
    if (picture) picture.src = `${picture.src.split("?")[0]}?v=${version.slice(0, 8)}`;
  }

  refuse(message, told = null) {
    this.refusal.className = "notice notice-bad";
    this.refusal.setAttribute("role", "alert");
    this.refusal.append(element("p", {}, element("strong", {}, message)));
    if (told?.error?.code === "rules_overtaken") this.offerChoice(told.version);
    else this.refusal.append(element("p", { class: "small" }, "Nothing was saved, and your draft is still here."));
    const field = this.showFields(told?.error?.fields);
    (field ?? this.refusal).scrollIntoView({ block: "nearest" });
    field?.focus?.();
  }

  offerChoice(version) {
    const replace = () => {
      this.form.elements.version.value = version;
      this.save();
    };
    this.refusal.append(
      element("p", { class: "small" }, "Nothing was saved, and your draft is still here."),
      element(
        "p",
        { class: "refusal-acts" },
        element("a", { class: "button", href: this.form.action, target: "_blank" }, "Look at what was saved"),
        element("button", { type: "button", onclick: replace }, "Replace it with my draft"),
      ),
    );
  }
}

function refused(answer) {
  if (answer?.status === 403) return "You may not do this any more. Nothing was saved, and your draft is still here.";
  return `The server answered ${answer?.status ?? "nothing"}. Nothing was saved, and your draft is still here.`;
}
