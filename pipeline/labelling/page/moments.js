// The editor of missed faces: boxes on a whole frame, by mouse, touch or keyboard.

const SVG = "http://www.w3.org/2000/svg";
const GENDERS = { unsure: "Unsure", female: "Woman", male: "Man" };
const MIN_PX = 6;

export function rectangle(box, name) {
  const rect = document.createElementNS(SVG, "rect");
  const [x1, y1, x2, y2] = box;
  for (const [key, value] of Object.entries({ x: x1, y: y1, width: x2 - x1, height: y2 - y1 })) rect.setAttribute(key, value);
  rect.setAttribute("class", name);
  return rect;
}

export class MomentEditor {
  // changed(): a face was added, moved, removed or named
  constructor(svg, list, changed, say) {
    Object.assign(this, { svg, list, changed, say, faces: [], found: [], selected: -1, size: [0, 0], typical: [0, 0], drag: null });
    svg.addEventListener("pointerdown", (event) => this.press(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, () => this.release());
    svg.addEventListener("keydown", (event) => this.key(event));
  }

  show(view, faces) {
    const { width, height, boxes } = view.frame;
    Object.assign(this, { size: [width, height], found: boxes, typical: view.typical, drag: null });
    this.faces = faces.map((face) => ({ box: [...face.box], gender: face.gender }));
    this.selected = -1;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.draw();
  }

  add(x, y) {
    const [w, h] = this.typical;
    this.faces.push({ box: this.inside([x - w / 2, y - h / 2, x + w / 2, y + h / 2]), gender: "unsure" });
    this.selected = this.faces.length - 1;
  }

  addInMiddle() {
    this.add(this.size[0] / 2, this.size[1] / 2);
    this.draw();
    this.svg.focus();
    this.changed();
    this.say("Face added in the middle. Arrow keys move it.");
  }

  name(gender) {
    if (!this.faces[this.selected]) return;
    this.faces[this.selected].gender = gender;
    this.draw();
    this.changed();
  }

  remove(index) {
    if (!this.faces[index]) return;
    this.faces.splice(index, 1);
    this.selected = Math.min(index, this.faces.length - 1);
    this.draw();
    this.changed();
    this.say("Face removed");
  }

  inside([x1, y1, x2, y2]) {
    const w = Math.min(Math.max(x2 - x1, MIN_PX), this.size[0]);
    const h = Math.min(Math.max(y2 - y1, MIN_PX), this.size[1]);
    const x = Math.min(Math.max(x1, 0), this.size[0] - w);
    const y = Math.min(Math.max(y1, 0), this.size[1] - h);
    return [x, y, x + w, y + h];
  }

  point(event) {
    const area = this.svg.getBoundingClientRect();
    return [((event.clientX - area.left) * this.size[0]) / area.width, ((event.clientY - area.top) * this.size[1]) / area.height];
  }

  press(event) {
    if (event.button) return;
    const [x, y] = this.point(event);
    const { index, handle } = event.target.dataset;
    if (index !== undefined) {
      this.selected = Number(index);
    } else if (this.found.some(([x1, y1, x2, y2]) => x >= x1 && x <= x2 && y >= y1 && y <= y2)) {
      this.say("This face was found");
      return;
    } else {
      this.add(x, y);
    }
    this.drag = { x, y, box: [...this.faces[this.selected].box], resize: handle !== undefined, moved: index === undefined };
    this.svg.setPointerCapture(event.pointerId);
    this.draw();
  }

  move(event) {
    if (!this.drag) return;
    const [x, y] = this.point(event);
    const [x1, y1, x2, y2] = this.drag.box;
    const [dx, dy] = [x - this.drag.x, y - this.drag.y];
    if (Math.abs(dx) + Math.abs(dy) < 2 && !this.drag.moved) return;
    this.drag.moved = true;
    const box = this.drag.resize ? [x1, y1, Math.max(x2 + dx, x1 + MIN_PX), Math.max(y2 + dy, y1 + MIN_PX)] : [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
    this.faces[this.selected].box = this.inside(box);
    this.draw();
  }

  release() {
    if (!this.drag) return;
    const isChanged = this.drag.moved;
    this.drag = null;
    if (isChanged) this.changed();
  }

  key(event) {
    const face = this.faces[this.selected];
    const step = Math.max(this.size[0] / 100, 1);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const sizes = { "+": 1.1, "=": 1.1, "-": 1 / 1.1 };
    if (!face || event.ctrlKey || event.metaKey || event.altKey) return;
    const [x1, y1, x2, y2] = face.box;
    if (moves[event.key]) {
      const [dx, dy] = moves[event.key];
      face.box = this.inside([x1 + dx, y1 + dy, x2 + dx, y2 + dy]);
    } else if (sizes[event.key]) {
      const [w, h] = [((x2 - x1) * sizes[event.key]) / 2, ((y2 - y1) * sizes[event.key]) / 2];
      const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
      face.box = this.inside([x - w, y - h, x + w, y + h]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    this.draw();
    this.changed();
  }

  draw() {
    const marks = this.found.map((box) => rectangle(box, "found"));
    const handlePx = (12 * this.size[0]) / (this.svg.getBoundingClientRect().width || this.size[0]);
    this.faces.forEach((face, index) => {
      const isSelected = index === this.selected;
      const rect = rectangle(face.box, isSelected ? "missed selected" : "missed");
      rect.dataset.index = index;
      marks.push(rect);
      if (isSelected) {
        const [, , x2, y2] = face.box;
        const handle = rectangle([x2 - handlePx / 2, y2 - handlePx / 2, x2 + handlePx / 2, y2 + handlePx / 2], "handle");
        Object.assign(handle.dataset, { index, handle: "" });
        marks.push(handle);
      }
    });
    this.svg.replaceChildren(...marks);
    const focused = [...this.list.querySelectorAll("button")].indexOf(document.activeElement);
    this.list.replaceChildren(...this.faces.map((face, index) => this.row(face, index)));
    if (focused >= 0) this.list.querySelectorAll("button")[focused]?.focus();
  }

  row(face, index) {
    const row = document.createElement("li");
    row.className = index === this.selected ? "selected" : "";
    row.append(`Face ${index + 1}`);
    for (const [gender, word] of Object.entries(GENDERS)) {
      const button = this.button(word, () => {
        this.selected = index;
        this.name(gender);
      });
      button.setAttribute("aria-pressed", face.gender === gender);
      button.setAttribute("aria-label", `Face ${index + 1}: ${word}`);
      row.append(button);
    }
    const remove = this.button("Remove", () => this.remove(index));
    remove.setAttribute("aria-label", `Remove face ${index + 1}`);
    row.append(remove);
    return row;
  }

  button(word, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = word;
    button.addEventListener("click", act);
    return button;
  }
}
