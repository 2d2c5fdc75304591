// Value from the server: {lines: [[cell]], problems: [text]}; from here: {texts: [text]}, a text a bar.
const CHECK_AFTER = 250; // milliseconds without a key
const root = element.firstElementChild;
root.className = "chord-grid";
root.setAttribute("role", "group");
root.setAttribute("aria-label", "Chord plan, a field for each bar");
const lines = root.appendChild(document.createElement("div"));
lines.className = "lines";
const alert = root.appendChild(document.createElement("div"));
alert.setAttribute("role", "alert");
const problems = alert.appendChild(document.createElement("ul"));
problems.className = "problems";
let fields = [];
let waiting = 0;
let changed = null; // the field that was typed into last, until its chords have sounded

function child(parent, tag, className, text = "") {
  const node = parent.appendChild(document.createElement(tag));
  node.className = className;
  node.textContent = text;
  return node;
}

function build(cell, line) {
  const box = child(line, "div", "cell");
  const head = child(box, "div", "head");
  child(head, "span", "number", cell.isPickup ? "pick-up" : String(cell.number));
  child(head, "span", "ending", cell.ending);
  const field = child(box, "input", "chords");
  field.type = "text";
  field.maxLength = 60;
  field.autocomplete = "off";
  field.autocapitalize = "off";
  field.spellcheck = false;
  child(box, "span", "other");
  field.addEventListener("input", typed);
  field.addEventListener("paste", pasted);
  field.addEventListener("keydown", moved);
  return field;
}

function update(field, cell, isCurrent) {
  const box = field.parentElement;
  if (!isCurrent) field.value = cell.text;
  if (field.value !== cell.text) return; // typed on since; its check is under way
  box.classList.toggle("pickup", cell.isPickup);
  box.classList.toggle("repeat-start", cell.repeatStart);
  box.classList.toggle("repeat-end", cell.repeatEnd);
  box.classList.toggle("changed", cell.isChanged);
  box.classList.toggle("wrong", cell.reason !== "");
  field.setAttribute("aria-label", `Chords of ${cell.name}${cell.isChanged ? ", changed since the notes were written" : ""}`);
  field.setAttribute("aria-invalid", String(cell.reason !== ""));
  field.title = cell.reason;
  box.querySelector(".other").textContent = cell.reason ? "not a chord" : cell.other;
}

function show() {
  const value = props.value;
  if (!value?.lines) return;
  const cells = value.lines.flat();
  const shape = JSON.stringify(value.lines.map((line) => line.map((cell) => [cell.isPickup, cell.ending])));
  const isCurrent = shape === lines.dataset.shape && value.isCheck === true;
  if (shape !== lines.dataset.shape) {
    lines.replaceChildren();
    lines.dataset.shape = shape;
    lines.classList.toggle("with-pickups", cells.some((cell) => cell.isPickup));
    fields = value.lines.flatMap((line) => {
      const row = child(lines, "div", "line");
      return line.map((cell) => build(cell, row));
    });
  }
  cells.forEach((cell, index) => update(fields[index], cell, isCurrent));
  problems.replaceChildren(...value.problems.map((text) => child(problems, "li", "problem", text)));
  root.classList.toggle("is-empty", cells.length === 0);
  if (value.problems.length === 0) document.dispatchEvent(new Event("chords-mended"));
  if (value.isCheck) soundTyped(cells);
  keep();
}

// What was typed is heard, its last chord if there are several.
function soundTyped(cells) {
  const cell = cells[fields.indexOf(changed)];
  changed = null;
  if (cell?.pitches.length && !cell.reason) document.dispatchEvent(new CustomEvent("sound-chord", { detail: cell.pitches.at(-1) }));
}

function keep() {
  props.value = { ...props.value, texts: fields.map((field) => field.value) };
}

function typed(event) {
  changed = event?.target ?? null;
  keep();
  clearTimeout(waiting);
  waiting = setTimeout(() => trigger("input"), CHECK_AFTER);
}

// Several bars pasted at once go to this field and the next ones.
function pasted(event) {
  const bars = event.clipboardData.getData("text").split("|").map((bar) => bar.trim()).filter(Boolean);
  if (bars.length < 2) return;
  event.preventDefault();
  const start = fields.indexOf(event.target);
  bars.slice(0, fields.length - start).forEach((bar, offset) => (fields[start + offset].value = bar));
  typed();
}

// Enter goes to the next bar, as in a table.
function moved(event) {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const next = fields[fields.indexOf(event.target) + (event.shiftKey ? -1 : 1)];
  next?.focus();
  next?.select();
}

watch("value", show);
show();
