"use strict";
/* Sorts and filters the table of videos, and opens all folds for the printer. */
const STEP = 100;
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/* "1,234", "37.5 %", "1:02:05" and "5.4 s" as numbers; texts as they are; null for a figure that is hidden or absent. */
function valueOf(text) {
  const plain = text.trim();
  if (plain === "" || plain === "–" || plain === "hidden") return null;
  if (/^\d+(:\d\d)+$/.test(plain)) return plain.split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
  const number = plain.replace(/,/g, "").match(/^[+−-]?\d+(\.\d+)?(?= ?[%s]?$)/);
  return number ? Number(number[0].replace("−", "-")) : plain;
}

function compared(a, b) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return collator.compare(String(a), String(b));
}

class Sortable {
  constructor(table) {
    this.table = table;
    this.body = table.tBodies[0];
    this.rows = [...this.body.rows].map(row => ({ row, name: row.cells[0].textContent, values: [] }));
    this.order = this.rows;
    this.words = [];
    this.limit = STEP;
    this.addTools();
    for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
      if (head.textContent.trim() !== "") this.addButton(head, column);
    }
    this.show();
  }

  addButton(head, column) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => this.sort(head, column));
  }

  addTools() {
    const label = document.createElement("label"), tools = document.createElement("div");
    this.input = document.createElement("input");
    this.input.type = "search";
    this.count = document.createElement("span");
    this.count.setAttribute("role", "status");
    label.append("Only videos with this in their name: ", this.input);
    tools.className = "tools";
    tools.append(label, this.count);
    this.more = this.button(`Show ${STEP} more`, () => this.limit + STEP);
    this.all = this.button("Show all", () => Infinity);
    const place = this.table.closest(".scroll") || this.table;
    place.before(tools);
    place.after(this.more, this.all);
    this.input.addEventListener("input", () => {
      this.words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.limit = STEP;
      this.show();
    });
  }

  button(text, limit) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "more";
    button.textContent = text;
    button.addEventListener("click", () => { this.limit = limit(); this.show(); });
    return button;
  }

  sort(head, column) {
    const isText = column === 0, was = head.getAttribute("aria-sort");
    const first = isText ? "ascending" : "descending", second = isText ? "descending" : "ascending";
    const direction = was === first ? second : first;
    for (const other of this.table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
    for (const one of this.rows) {
      if (!(column in one.values)) one.values[column] = isText ? one.name : valueOf(one.row.cells[column].textContent);
    }
    const sign = direction === "ascending" ? 1 : -1;
    this.order = [...this.rows].sort((one, other) => {
      const a = one.values[column], b = other.values[column];
      return a === null || b === null ? compared(a, b) : sign * compared(a, b); /* what is hidden or absent comes last */
    });
    this.show();
  }

  show() {
    const chosen = this.order.filter(one => this.words.every(word => one.name.toLowerCase().includes(word)));
    const shown = chosen.slice(0, this.limit);
    this.body.replaceChildren(...shown.map(one => one.row));
    this.more.hidden = this.all.hidden = shown.length === chosen.length;
    const all = this.rows.length.toLocaleString("en");
    const found = this.words.length ? `${chosen.length.toLocaleString("en")} of ${all}` : all;
    this.count.textContent = shown.length < chosen.length ? `${found} videos, the first ${shown.length} shown` : `${found} videos`;
  }
}

const tables = [...document.querySelectorAll("table.sortable")].map(table => new Sortable(table));
let opened = [], limits = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  limits = tables.map(table => table.limit);
  for (const fold of opened) fold.open = true;
  for (const table of tables) { table.limit = Infinity; table.show(); }
});
addEventListener("afterprint", () => {
  for (const fold of opened) fold.open = false;
  tables.forEach((table, at) => { table.limit = limits[at]; table.show(); });
});
