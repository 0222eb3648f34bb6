// A photograph that can be enlarged and moved within its frame.
const MOST = 12;

export class Zoom {
  constructor(stage) {
    this.stage = stage;
    this.canvas = stage.querySelector(".fp-canvas");
    this.scale = 1;
    this.x = this.y = 0;
    this.moved = false;
    this.listen();
  }

  listen() {
    const { stage } = this;
    let from = null;
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && this.scale === 1) return; // the page scrolls until one has zoomed in
      event.preventDefault();
      this.by(event.deltaY < 0 ? 1.2 : 1 / 1.2, event);
    }, { passive: false });
    stage.addEventListener("dblclick", (event) => this.by(2, event));
    stage.addEventListener("pointerdown", (event) => {
      this.moved = false;
      if (this.scale > 1 && !event.button) from = [event.clientX - this.x, event.clientY - this.y];
    });
    stage.addEventListener("pointermove", (event) => {
      if (!from || !event.buttons) return;
      const [x, y] = [event.clientX - from[0], event.clientY - from[1]];
      if (Math.hypot(x - this.x, y - this.y) > 3) this.moved = true;
      this.place(this.scale, x, y, false);
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
      stage.addEventListener(end, () => { from = null; });
    }
  }

  // Larger or smaller around a point of the window; the middle, if none is given.
  by(factor, point) {
    const frame = this.stage.getBoundingClientRect();
    const [px, py] = point ? [point.clientX - frame.left, point.clientY - frame.top] : [frame.width / 2, frame.height / 2];
    const scale = Math.min(MOST, Math.max(1, this.scale * factor));
    const ratio = scale / this.scale;
    this.place(scale, px - (px - this.x) * ratio, py - (py - this.y) * ratio);
  }

  // So that a box fills a third of the frame, with what is around it.
  to(rect) {
    const frame = this.stage.getBoundingClientRect();
    const unit = this.canvas.offsetWidth / rect.ownerSVGElement.viewBox.baseVal.width;
    const [x, y, w, h] = ["x", "y", "width", "height"].map((name) => rect[name].baseVal.value * unit);
    const scale = Math.min(MOST, Math.max(1, Math.min(frame.width / w, frame.height / h) / 2.2));
    const left = this.canvas.offsetLeft, top = this.canvas.offsetTop;
    this.place(scale, frame.width / 2 - (left + x + w / 2) * scale, frame.height / 2 - (top + y + h / 2) * scale);
  }

  fit() {
    this.place(1, 0, 0);
  }

  place(scale, x, y, smooth = true) {
    const { offsetWidth: width, offsetHeight: height } = this.stage;
    this.scale = scale;
    this.x = Math.min(0, Math.max(width - width * scale, x));
    this.y = Math.min(0, Math.max(height - height * scale, y));
    this.stage.style.setProperty("--fp-scale", scale);
    this.stage.classList.toggle("fp-zoomed", scale > 1);
    this.changed?.();
    this.canvas.classList.toggle("fp-smooth", smooth);
    this.canvas.style.transform = scale === 1 ? "" : `translate(${this.x}px, ${this.y}px) scale(${scale})`;
  }
}
