// Value from the server: see `views.score`; from here: first and last, the marked bars.
const NARROW_BELOW = 640; // CSS pixels
const root = element.firstElementChild;
root.className = "score-view";
let measures = [];
let marked = null; // [first, last], numbers of bars
let shownWidth = "";
let isChecking = false; // whether the list of faults is open

function child(parent, tag, attributes = {}, text = "") {
  const node = parent.appendChild(document.createElement(tag));
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
}

// The picture as nodes, without anything that could run: it is made of other people's files.
function picture(source) {
  const svg = new DOMParser().parseFromString(source, "image/svg+xml").documentElement;
  svg.querySelectorAll("script, foreignObject, image, a, animate, set").forEach((node) => node.remove());
  for (const node of [svg, ...svg.querySelectorAll("*")]) {
    for (const { name, value } of [...node.attributes]) {
      if (/^on/i.test(name) || (/href$/i.test(name) && !value.startsWith("#"))) node.removeAttribute(name);
    }
  }
  return document.importNode(svg, true);
}

function show() {
  const value = props.value;
  const isEmpty = !value?.wide;
  root.classList.toggle("is-empty", isEmpty);
  root.replaceChildren();
  shownWidth = "";
  marked = null;
  measures = [];
  if (isEmpty) return;
  root.append(player(value), child(root, "div", { class: "paper" }), ...faults(value), links(value));
  draw();
}

function player(value) {
  const box = document.createElement("div");
  box.className = "player";
  const audio = child(box, "audio", { controls: "", preload: "metadata", src: value.audio.url });
  audio.setAttribute("aria-label", `Listen to ${value.title}`);
  audio.addEventListener("timeupdate", () => follow(audio));
  audio.addEventListener("ended", () => follow(audio));
  return box;
}

// A list that opens; a click on a fault marks its bar.
function faults({ check }) {
  if (!check) return [];
  const box = document.createElement("details");
  box.className = "faults";
  box.open = isChecking;
  box.addEventListener("toggle", () => (isChecking = box.open));
  child(box, "summary", {}, "Check voice-leading");
  child(box, "p", { class: "note" }, check.summary);
  const list = child(box, "ol");
  for (const { bar, text } of check.faults) {
    const fault = child(child(list, "li"), "button", { type: "button" }, text);
    fault.addEventListener("click", () => mark([bar, bar]));
  }
  return [box];
}

function links(value) {
  const box = document.createElement("div");
  box.className = "links";
  const files = child(box, "div", { class: "files", role: "group", "aria-label": "Downloads" });
  child(files, "span", { class: "label" }, "Download");
  for (const { kind, file } of value.files) {
    child(files, "a", { href: file.url, download: file.orig_name, "aria-label": `Download as ${kind}` }, kind);
  }
  const share = child(box, "div", { class: "share" });
  if (!value.query) {
    child(share, "span", { class: "note" }, "A tune that began with a file has no link; download it to keep it.");
    return box;
  }
  const address = `${location.origin}${location.pathname}?${value.query}`;
  child(share, "a", { class: "link", href: address }, "Link to this tune");
  const copy = child(share, "button", { type: "button", class: "copy" }, "Copy link");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(address);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy link"), 2000);
  });
  return box;
}

function draw() {
  const paper = root.querySelector(".paper");
  if (!paper || root.clientWidth === 0) return;
  const width = root.clientWidth < NARROW_BELOW ? "narrow" : "wide";
  if (width === shownWidth) return;
  shownWidth = width;
  paper.replaceChildren(picture(props.value[width]));
  measures = [...paper.querySelectorAll("g.measure")];
  measures.forEach((measure, index) => {
    const { x, y, width, height } = measure.getBBox();
    const shade = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, number] of Object.entries({ x, y, width, height })) shade.setAttribute(name, number);
    shade.setAttribute("class", "shade");
    measure.prepend(shade);
    measure.addEventListener("click", () => choose(props.value.numbers[index]));
  });
  paint();
}

// A click marks a bar, a second one the bars up to there, a third begins anew.
function choose(number) {
  if (number < 1) return;
  const isOne = marked && marked[0] === marked[1] && marked[0] !== number;
  mark(isOne ? [Math.min(marked[0], number), Math.max(marked[0], number)] : [number, number]);
}

function mark(bars) {
  marked = bars;
  paint();
  props.value = { ...props.value, first: marked[0], last: marked[1] };
  trigger("select");
}

function paint() {
  measures.forEach((measure, index) => {
    const number = props.value.numbers[index];
    const isMarked = marked !== null && number >= marked[0] && number <= marked[1];
    measure.classList.toggle("marked", isMarked);
  });
}

// The bar that sounds is shaded.
function follow(audio) {
  const { timeline } = props.value;
  const now = audio.ended ? null : timeline.findLast(([start]) => start <= audio.currentTime + 0.05);
  measures.forEach((measure, index) => measure.classList.toggle("sounding", now !== null && now?.[1] === index));
}

root.addEventListener("mark", ({ detail: [first, last] }) => {
  const isRange = Number.isInteger(first) && Number.isInteger(last) && first >= 1 && first <= last;
  marked = isRange ? [first, last] : null;
  paint();
});
new ResizeObserver(draw).observe(root);
watch("value", show);
show();
