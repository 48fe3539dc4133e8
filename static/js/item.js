/* One item: which picture is on the stage, the player's keys, and the verdict's small manners. */

import * as ahead from "./ahead.js";
import { open as openGuideline } from "./guideline.js";
import { onKey } from "./keys.js";
import * as notes from "./notes.js";
import { Player } from "./player.js";
import { Regions } from "./regions.js";
import "./verdicts.js";

const TEXT_PX = 12;
const LOAD_AFTER_MS = 600; // whoever decides from the filmstrip alone needs no clip
const pages = new WeakMap(); // an item that comes back is the page that it was
let page = null;

/* Labels keep their size on the screen, however large the picture is shown. */
function fitText(overlay) {
  const shown = overlay.getBoundingClientRect().width;
  if (!shown) return;
  const size = (TEXT_PX * overlay.viewBox.baseVal.width) / shown;
  overlay.setAttribute("font-size", size.toFixed(2));
}

class ItemPage {
  constructor(root) {
    this.root = root;
    this.openedAt = performance.now();
    this.stage = root.querySelector("[data-stage]");
    this.views = [...root.querySelectorAll("[data-view]")];
    this.links = [...root.querySelectorAll("[data-shows]")];
    this.stage.classList.add("is-tabbed");
    for (const link of this.links) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        this.show(link.dataset.shows);
      });
    }
    if (this.views.length) this.show(this.views[0].id);
    const video = root.querySelector("[data-clip]");
    this.player = video ? new Player(video) : null;
    this.regions = root.querySelector("[data-regions]") && this.views.length ? new Regions(root) : null;
    this.prepareOverlayButton();
    this.prepareForms();
    this.sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => fitText(target)));
    for (const overlay of root.querySelectorAll("[data-overlay]")) this.sizes.observe(overlay);
    for (const moment of root.querySelectorAll("[data-seek]")) {
      moment.addEventListener("click", () => this.seek(Number(moment.dataset.seek)));
    }
    root.querySelector("[data-guideline]")?.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      openGuideline(event.currentTarget);
    });
    notes.watch(root);
  }

  /* Clip and frames are loaded once somebody stays, and no longer than that. */
  enter() {
    ahead.look(this.root);
    const video = this.player?.video;
    if (video?.dataset.src && !video.src) video.src = video.dataset.src;
    this.loading = setTimeout(() => this.load(), LOAD_AFTER_MS);
  }

  load() {
    clearTimeout(this.loading);
    if (this.player) this.player.video.preload = "auto";
    for (const picture of this.root.querySelectorAll("img[data-src]")) {
      // A verdict may have ended the right to see what stands beside this item.
      const other = picture.closest("[data-similar]")?.dataset.similar;
      if (other && ahead.isJudged(other)) picture.removeAttribute("data-src");
      if (!picture.dataset.src) continue;
      picture.src = picture.dataset.src;
      delete picture.dataset.src;
    }
  }

  leave() {
    clearTimeout(this.loading);
    const video = this.player?.video;
    if (!video) return;
    video.pause();
    if (video.readyState >= 4 || !video.src) return;
    video.dataset.src = video.getAttribute("src");
    video.preload = "none";
    video.removeAttribute("src");
    video.load();
  }

  seek(seconds) {
    this.showClip();
    this.player?.seek(seconds);
  }

  show(id) {
    if (this.loading) this.load();
    for (const view of this.views) view.classList.toggle("is-shown", view.id === id);
    for (const link of this.links) {
      if (link.dataset.shows === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    if (!this.isClipShown) this.player?.video.pause();
  }

  get isClipShown() {
    return this.stage.querySelector('.is-shown[data-view="clip"]') !== null;
  }

  showClip() {
    const clip = this.views.find((view) => view.dataset.view === "clip");
    if (clip) this.show(clip.id);
  }

  showNext() {
    const at = this.views.findIndex((view) => view.classList.contains("is-shown"));
    if (this.views.length) this.show(this.views[(at + 1) % this.views.length].id);
  }

  prepareOverlayButton() {
    const button = this.root.querySelector("[data-toggles-overlay]");
    const set = (isOn) => {
      this.stage.classList.toggle("is-bare", !isOn);
      button.setAttribute("aria-pressed", String(isOn));
      sessionStorage.setItem("overlay", isOn ? "on" : "off");
    };
    if (!button) return;
    button.addEventListener("click", () => set(this.stage.classList.contains("is-bare")));
    set(sessionStorage.getItem("overlay") !== "off");
  }

  prepareForms() {
    const form = this.root.querySelector("[data-decide]");
    form?.addEventListener("submit", (event) => this.beforeVerdict(form, event), true);
    const redact = this.root.querySelector("[data-redact]");
    redact?.addEventListener("toggle", () => {
      if (redact.open) redact.querySelector("[data-apply-redaction]").focus();
      else this.regions?.setDrawing(false);
    });
  }

  beforeVerdict(form, event) {
    const seconds = (performance.now() - this.openedAt) / 1000;
    form.querySelector("[data-seconds-taken]").value = seconds.toFixed(2);
    const wanting = this.wanting(form, event.submitter);
    if (!wanting) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    wanting.setAttribute("aria-invalid", "true");
    wanting.focus();
  }

  /* The field without which a verdict says nothing, where it is empty. */
  wanting(form, button) {
    const note = form.querySelector("[name=note]");
    if (button?.matches("[data-needs-note]") && !note.value.trim()) {
      note.placeholder = "Say what it is, then choose Other again";
      return note;
    }
    const category = form.querySelector("[data-category-needed]");
    return button?.matches(".verdict-confirm") && category?.value === "" ? category : null;
  }

  pressed(key, event) {
    const reject = this.root.querySelector("[data-reject]");
    if (/^[1-7]$/.test(key) && reject?.open) {
      const button = reject.querySelector(`[data-digit="${key}"]`);
      if (!button || button.closest(":disabled")) return false;
      button.click();
      return true;
    }
    if (key === "Escape" && reject?.open) {
      reject.open = false;
      return true;
    }
    if (key === "f") {
      this.showNext();
      return true;
    }
    return this.player ? this.pressedForPlayer(key, event) : false;
  }

  pressedForPlayer(key, event) {
    if (event.target.matches("[data-region]")) return false;
    if (key === " ") {
      this.showClip();
      this.player.toggle();
      return true;
    }
    if (key !== "ArrowLeft" && key !== "ArrowRight") return false;
    this.showClip();
    this.player.step((key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 10 : 1));
    return true;
  }
}

function prepare() {
  const root = document.querySelector("[data-item]");
  if (page?.root === root) return;
  page?.leave();
  if (root && !pages.has(root)) pages.set(root, new ItemPage(root));
  page = root ? pages.get(root) : null;
  if (page) page.enter();
  else ahead.giveBack();
}

onKey((key, event) => (page ? page.pressed(key, event) : false));
prepare();
document.addEventListener("htmx:afterSettle", prepare);
document.addEventListener("item:shown", prepare);
