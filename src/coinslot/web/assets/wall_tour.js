// The guided tours: each ticks its steps by the demo's figures, and by what somebody did that no figure tells.
const find = (selector, at = document) => at.querySelector(selector);
const all = (selector, at = document) => [...at.querySelectorAll(selector)];
const text = (element, words) => { if (element.textContent !== words) element.textContent = words; };
let facts = JSON.parse(find("#facts").dataset.facts);
let wanted = null; // the tour whose next step is pointed at: whichever was touched last

class Tour {
  constructor(section) {
    this.section = section;
    this.key = `coinslot-tour-${section.dataset.tourOf}`;
    this.steps = all("[data-step]", section);
    this.order = this.steps.map((step) => step.dataset.step);
    this.kept = { run: facts.run, base: facts, done: [], hidden: false };
    try {
      const before = JSON.parse(sessionStorage.getItem(this.key));
      if (before?.run === facts.run) this.kept = before;
    } catch { /* without storage the tour begins anew with each page */ }
    section.addEventListener("click", (event) => this.pressed(event.target.closest("[data-tour]")?.dataset.tour));
  }

  keep() {
    try { sessionStorage.setItem(this.key, JSON.stringify(this.kept)); } catch { /* likewise */ }
  }

  get now() {
    return this.steps.find((step) => !this.kept.done.includes(step.dataset.step));
  }

  // Whoever has come to a step has done those before it, by whatever way.
  tick(id) {
    const reached = this.order.slice(0, this.order.indexOf(id) + 1).filter((one) => !this.kept.done.includes(one));
    if (!reached.length) return;
    this.kept.done.push(...reached);
    this.keep();
    wanted = this;
    const said = find("[data-tour-said]", this.section);
    const name = find("b", this.steps[this.order.indexOf(id)]).textContent;
    text(said, `✓ ${name}. ${this.now ? find("b", this.now).textContent : said.dataset.all}`);
  }

  watch() {
    for (const { dataset } of this.steps) {
      if (dataset.fact && facts[dataset.fact] > (this.kept.base[dataset.fact] ?? 0)) this.tick(dataset.step);
    }
    const known = this.section.dataset.known === "1" && this.kept.done.includes("open");
    if (known && this.order.includes("register")) this.tick("register");
  }

  target() {
    if (this.kept.hidden || !this.now) return null;
    const places = this.now.dataset.target.split(", ").map((one) => find(one));
    return places.find((one) => one?.getClientRects().length) ?? null;
  }

  render() {
    const { kept, now } = this;
    for (const step of this.steps) {
      const current = step === now && !kept.hidden;
      step.dataset.state = kept.done.includes(step.dataset.step) ? "done" : current ? "now" : "later";
      current ? step.setAttribute("aria-current", "step") : step.removeAttribute("aria-current");
    }
    find("ol", this.section).hidden = kept.hidden;
    const hide = find("[data-tour=hide]", this.section);
    if (hide.getAttribute("aria-expanded") === String(kept.hidden)) {
      [hide.textContent, hide.dataset.other] = [hide.dataset.other, hide.textContent];
      hide.setAttribute("aria-expanded", String(!kept.hidden));
    }
    for (const name of ["show", "skip"]) find(`[data-tour=${name}]`, this.section).hidden = !now || kept.hidden;
  }

  pressed(what) {
    if (!what) return;
    const now = this.now;
    wanted = this;
    if (what === "again") this.kept = { run: facts.run, base: facts, done: [], hidden: false };
    if (what === "hide") this.kept.hidden = !this.kept.hidden;
    if (what === "skip" && now) this.tick(now.dataset.step);
    this.keep();
    show();
    if (what === "show" && now) this.lead();
  }

  lead() {
    const here = this.target();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    here?.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    if (here && here.tabIndex < 0) here.setAttribute("tabindex", "-1");
    here?.focus({ preventScroll: true });
  }
}

const tours = all("[data-tour-of]").map((section) => new Tour(section));

function show() {
  for (const tour of tours) tour.render();
  const here = (wanted ?? tours[0])?.target();
  for (const element of all(".here")) if (element !== here) element.classList.remove("here");
  here?.classList.add("here");
}

function watch() {
  for (const tour of tours) tour.watch();
  show();
}

document.addEventListener("wall:news", (event) => { facts = event.detail.facts; watch(); });
document.addEventListener("wall:phone", show);
document.addEventListener("wall:did", (event) => {
  for (const tour of tours) if (tour.order.includes(event.detail)) tour.tick(event.detail);
  show();
});
watch();
