// Drawing the box of a face that was missed: with the pointer, or with the arrow keys.
const STEP = 0.02; // of the photograph's longer side, for a key
const LEAST_PX = 8;

let drawing = null;

class Drawing {
  constructor(image, done) {
    this.picture = image.querySelector(".fp-overlay");
    this.stage = image.querySelector(".fp-stage");
    this.done = done;
    const { width, height } = this.picture.viewBox.baseVal;
    [this.width, this.height] = [width, height];
    const side = Math.min(width, height) / 4;
    this.rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    this.rect.setAttribute("class", "fp-drawn");
    this.picture.append(this.rect);
    this.place((width - side) / 2, (height - side) / 2, side, side);
    this.said = document.createElement("p");
    this.said.className = "fp-drawing-help";
    this.said.setAttribute("role", "status");
    this.said.textContent = "Draw a box around the face. With keys: arrows move it, Shift and arrows size it, Enter takes it, Escape leaves it.";
    this.stage.after(this.said);
    this.stage.focus({ preventScroll: true }); // before it looks otherwise, so that it is found again
    this.stage.classList.add("fp-drawing");
    this.stop = new AbortController();
    const options = { signal: this.stop.signal, capture: true };
    for (const kind of ["pointerdown", "pointermove", "pointerup", "click", "dblclick"]) {
      this.stage.addEventListener(kind, (event) => this.point(kind, event), options);
    }
    document.addEventListener("keydown", (event) => this.key(event), options);
  }

  at(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.picture.getScreenCTM().inverse());
    return [Math.min(this.width, Math.max(0, point.x)), Math.min(this.height, Math.max(0, point.y))];
  }

  point(kind, event) {
    event.stopPropagation(); // neither moves the photograph nor chooses a face
    const [x, y] = this.at(event);
    if (kind === "pointerdown") { event.preventDefault(); this.from = [x, y]; }
    if (!this.from) return;
    const [left, top] = [Math.min(x, this.from[0]), Math.min(y, this.from[1])];
    this.place(left, top, Math.abs(x - this.from[0]), Math.abs(y - this.from[1]));
    if (kind !== "pointerup") return;
    this.from = null;
    this.taken();
  }

  key(event) {
    if (drawing !== this) return; // it has ended a moment ago
    const by = STEP * Math.max(this.width, this.height);
    const [x, y] = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key] ?? [0, 0];
    if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
    if (!x && !y && !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.key === "Enter") return this.taken();
    if (event.key === "Escape") return this.end();
    const [left, top, wide, high] = this.box;
    if (event.shiftKey) this.place(left, top, wide + x, high + y);
    else this.place(left + x, top + y, wide, high);
  }

  place(left, top, wide, high) {
    wide = Math.min(this.width, Math.max(1, wide));
    high = Math.min(this.height, Math.max(1, high));
    left = Math.min(this.width - wide, Math.max(0, left));
    top = Math.min(this.height - high, Math.max(0, top));
    this.box = [left, top, wide, high];
    for (const [n, name] of ["x", "y", "width", "height"].entries()) this.rect.setAttribute(name, this.box[n]);
  }

  taken() {
    const [left, top, wide, high] = this.box.map(Math.round);
    if (Math.min(wide, high) < LEAST_PX) return; // a slip of the hand
    this.end();
    this.done({ x1: left, y1: top, x2: Math.min(this.width, left + wide), y2: Math.min(this.height, top + high) });
  }

  end() {
    this.stage.classList.remove("fp-drawing");
    this.rect.remove();
    this.said.remove();
    // The click that ends the drawing must reach nobody else.
    setTimeout(() => this.stop.abort(), 0);
    drawing = null;
  }
}

export function draw(image, done) {
  if (drawing) return drawing.end();
  if (image?.querySelector(".fp-overlay")) drawing = new Drawing(image, done);
}
