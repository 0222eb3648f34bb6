// Box and card of a face are one thing: hover, focus, click and arrow keys reach both.
import { Zoom } from "./zoom.js";

const SMALL_PX = 60; // landmarks of a smaller face on the screen would hide it
const TINY_PX = 36; // and its number as well
const NUMBER_PX = [11, 22]; // height of a number on the screen, at least and at most
let current = null;

class Faces {
  constructor(root) {
    this.root = root;
    this.zoom = new Zoom(root.querySelector(".fp-stage"));
    this.selected = null;
    this.zoom.changed = () => this.fitMarks();
    new ResizeObserver(() => this.fitMarks()).observe(root);
    this.listen();
    const wanted = new URLSearchParams(location.search).get("face");
    if (wanted !== null) this.select(wanted);
  }

  // Looked for each time: Gradio changes the page in place, and may make another element the list.
  get list() {
    return this.root.querySelector(".fp-cards");
  }

  get cards() {
    return [...this.root.querySelectorAll(".fp-card")];
  }

  // Which faces are too small on the screen, as they are enlarged now, for their landmarks; and
  // how large their numbers are, that they can be read and hide little.
  fitMarks() {
    const picture = this.root.querySelector(".fp-overlay");
    if (!picture) return;
    const unit = this.zoom.scale * this.zoom.canvas.offsetWidth / picture.viewBox.baseVal.width;
    if (!(unit > 0)) return; // it has no size yet
    for (const mark of picture.querySelectorAll(".fp-face")) {
      const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => mark.querySelector("rect")[name].baseVal.value);
      const side = Math.max(width, height) * unit;
      const shorter = Math.min(width, height);
      const [least, most] = NUMBER_PX.map((px) => px / unit);
      const text = Math.min(0.5 * shorter, Math.max(least, Math.min(most, 0.16 * shorter)));
      const number = mark.querySelector(".fp-number");
      number.setAttribute("font-size", text);
      number.setAttribute("x", x + 0.25 * text);
      number.setAttribute("y", y + 1.05 * text);
      mark.classList.toggle("fp-small", side < SMALL_PX);
      mark.classList.toggle("fp-tiny", side < TINY_PX);
    }
  }

  both(number) {
    return this.root.querySelectorAll(`[data-face="${CSS.escape(number)}"]`);
  }

  listen() {
    const { root } = this;
    const of = (event) => event.target.closest?.("[data-face]")?.dataset.face;
    root.addEventListener("pointerover", (event) => this.hover(of(event)));
    root.addEventListener("pointerleave", () => this.hover());
    root.addEventListener("focusin", (event) => this.hover(of(event)));
    root.addEventListener("click", (event) => {
      const number = event.target.closest?.("button, a") ? undefined : of(event);
      if (number !== undefined && !this.zoom.moved) this.select(number === this.selected ? null : number);
    });
    root.addEventListener("change", (event) => {
      if (event.target.matches(".fp-sort, .fp-reliable-only")) this.arrange();
    });
    root.addEventListener("click", (event) => {
      const action = event.target.closest?.("[data-do]")?.dataset.do;
      if (action === "zoom-in") this.zoom.by(1.5);
      if (action === "zoom-out") this.zoom.by(1 / 1.5);
      if (action === "fit") { this.select(null); this.zoom.fit(); }
    });
  }

  hover(number) {
    for (const mark of this.root.querySelectorAll(".fp-hover")) mark.classList.remove("fp-hover");
    if (number !== undefined) for (const mark of this.both(number)) mark.classList.add("fp-hover");
  }

  select(number) {
    for (const mark of this.root.querySelectorAll(".fp-selected")) {
      mark.classList.remove("fp-selected");
      mark.removeAttribute("aria-current");
    }
    this.selected = number;
    const query = new URLSearchParams(location.search);
    if (number === null) query.delete("face"); else query.set("face", number);
    history.replaceState(null, "", `?${query}`);
    if (number === null) return this.zoom.fit();
    for (const mark of this.both(number)) {
      mark.classList.add("fp-selected");
      if (mark.matches(".fp-card")) {
        mark.setAttribute("aria-current", "true");
        this.bringIntoList(mark);
      } else this.zoom.to(mark.querySelector("rect"));
    }
  }

  // Where the list scrolls by itself, the page stays where it is.
  bringIntoList(card) {
    const { list } = this;
    if (getComputedStyle(list).overflowY !== "auto") return card.scrollIntoView({ block: "nearest" });
    const top = card.offsetTop - list.offsetTop, bottom = top + card.offsetHeight;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  }

  shown() {
    return [...this.list?.children ?? []].filter((card) => !card.hidden);
  }

  step(by) {
    const cards = this.shown();
    if (!cards.length) return;
    const here = cards.findIndex((card) => card.dataset.face === this.selected);
    const next = cards[here < 0 ? (by > 0 ? 0 : cards.length - 1) : (here + by + cards.length) % cards.length];
    next.focus({ preventScroll: true });
    this.select(next.dataset.face);
  }

  arrange() {
    const how = this.root.querySelector(".fp-sort").value;
    const reliable = this.root.querySelector(".fp-reliable-only").checked;
    const key = how.replace("-", "");
    const sign = (how === "size" || how === "-age") ? -1 : 1;
    const value = (card) => card.dataset[key] === "" ? Infinity : sign * Number(card.dataset[key]);
    const cards = this.cards.sort((a, b) => value(a) - value(b) || a.dataset.face - b.dataset.face);
    for (const card of cards) {
      card.hidden = reliable && !("reliable" in card.dataset);
      for (const mark of this.both(card.dataset.face)) mark.classList.toggle("fp-away", card.hidden);
    }
    this.list.append(...cards);
    this.root.querySelector(".fp-none").hidden = this.shown().length > 0;
  }
}

const KEYS = {
  ArrowRight: (faces) => faces.step(1),
  ArrowDown: (faces) => faces.step(1),
  ArrowLeft: (faces) => faces.step(-1),
  ArrowUp: (faces) => faces.step(-1),
  Escape: (faces) => faces.select(null),
  "+": (faces) => faces.zoom.by(1.5),
  "-": (faces) => faces.zoom.by(1 / 1.5),
  0: (faces) => faces.zoom.fit(),
  b: (faces) => faces.root.querySelector(".fp-boxes-on")?.click(),
  l: (faces) => faces.root.querySelector(".fp-points-on")?.click(),
};

document.addEventListener("keydown", (event) => {
  if (!current?.root.isConnected || current.root.offsetParent === null) return;
  if (document.querySelector("dialog[open]") || event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && event.target.matches(".fp-card")) return current.select(event.target.dataset.face);
  if (event.target.closest("[role=tab], summary") || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key](current);
});

export function ready(root) {
  if (current?.root !== root) current = new Faces(root);
}
