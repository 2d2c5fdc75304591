// Value from the server: see `views.score`; from here: first and last, the marked bars, and edit: [place, pitch, to].
const NARROW_BELOW = 640; // CSS pixels
const MARGIN = 95; // of the 120 units that the picture has on either side
const VIEWS = { score: "Score", roll: "Piano roll", changes: "Old and new" };
const root = element.firstElementChild;
root.className = "score-view";
let measures = [];
let notes = []; // see `notesIn`
let shades = [];
let marked = null; // [first, last], numbers of bars
let drawn = ""; // the wide pictures of the tune that is shown
let shownPicture = "";
let isChecking = false; // whether the list of faults is open
let player = null;
let playButton = null; // the one that shows whether the player plays
let instrument = "piano";
let isLooping = false;
let hasClicks = false;
let view = "score";
let isKept = false; // whether the tune is there again when the page is loaded again
let edited = null; // [place, old pitch, new one] of the note that is being changed

function child(parent, tag, attributes = {}, text = "") {
  const node = parent.appendChild(document.createElement(tag));
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
}

function control(parent, tag, attributes, text) {
  const node = child(parent, tag, { ...(tag === "button" && { type: "button" }), ...attributes }, text);
  node.classList.add("control");
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
  if (value?.wide) remember(value.query, value.abc);
  else if (isKept && !value?.offered) remember("", "");
  root.classList.toggle("is-empty", !value?.wide && !value?.offered);
  root.classList.toggle("is-offering", Boolean(value?.offered));
  if (value?.offered) return void ((drawn = ""), (measures = notes = shades = []), showOffered(value));
  const pictures = value?.wide ? value.wide + (value.changes?.wide ?? "") : "";
  if (pictures && pictures === drawn) return void root.querySelector(".links").replaceWith(links(value));
  player?.stop();
  drawn = pictures;
  root.replaceChildren();
  cards = [];
  if (value?.changes) view = "changes";
  else if (view === "changes") view = "score";
  shownPicture = "";
  marked = null;
  measures = notes = shades = [];
  if (!value?.wide) return;
  prepare();
  [instrument, "guitar"].forEach(load);
  player = playerOf(value.playing, settings, { shown: sounds, left: silent, ended: () => paintPlayer() });
  root.append(controls(value), child(root, "div", { class: "paper" }), ...faults(value), links(value));
  const isEdited = edited !== null;
  draw();
  if (!isEdited) bringIntoView();
}

// A page that is loaded again shows the same tune: by its link, which becomes the address, or by its ABC.
function remember(query, abc) {
  isKept = Boolean(query || abc);
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
  try {
    sessionStorage.setItem("tune", abc);
  } catch {} // some browsers keep nothing in pages within pages
}

// Whoever has pressed a button far from the score, as on a phone, is led to it.
function bringIntoView() {
  const { top } = root.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) root.scrollIntoView({ block: "start", behavior: pace() });
}

function pace() {
  return matchMedia("(prefers-reduced-motion: no-preference)").matches ? "smooth" : "instant";
}

function settings() {
  const hasChords = document.querySelector("#accompanied input")?.checked ?? true;
  return { instrument, hasChords, hasClicks, loop: isLooping ? stretch() : null };
}

// Start and end of the marked bars, or of the whole, as they are played first.
function stretch() {
  const { timeline, numbers, playing } = props.value;
  if (!marked) return [0, playing.seconds];
  const isIn = ([, bar]) => numbers[bar] >= marked[0] && numbers[bar] <= marked[1];
  const first = timeline.findIndex(isIn);
  const after = timeline.findIndex((entry, index) => index > first && !isIn(entry));
  return [timeline[first][0], after < 0 ? playing.seconds : timeline[after][0]];
}

function controls(value) {
  const box = document.createElement("div");
  box.className = "player";
  playButton = control(box, "button", { class: "play" }, "Play");
  playButton.addEventListener("click", toggle);
  const back = control(box, "button", { "aria-label": "From the start", title: "From the start" }, "\u25c0\u25c0");
  back.addEventListener("click", () => startAt(0));
  const chooser = control(box, "select", { "aria-label": "Instrument" });
  for (const name of Object.keys(INSTRUMENTS)) child(chooser, "option", { value: name }, name);
  chooser.value = instrument;
  chooser.addEventListener("change", () => load((instrument = chooser.value)));
  switched(box, "Loop", isLooping, (isOn) => (isLooping = isOn)).title = "The marked bars, or all, again and again";
  box.append(tempo(value.playing.tempo));
  switched(box, "Metronome", hasClicks, (isOn) => (hasClicks = isOn));
  const shows = child(box, "div", { class: "views", role: "group", "aria-label": "Shown as" });
  const offered = Object.entries(VIEWS).filter(([name]) => name !== "changes" || value.changes);
  const buttons = offered.map(([name, label]) => {
    const button = control(shows, "button", { "aria-pressed": view === name }, label);
    button.addEventListener("click", () => {
      view = name;
      buttons.forEach((other) => other.setAttribute("aria-pressed", other === button));
      draw();
    });
    return button;
  });
  return box;
}

function tempo(written) {
  const label = document.createElement("label");
  label.append("Tempo ");
  const shown = child(label, "output", {}, written);
  const range = { type: "range", min: Math.ceil(written * 0.4), max: Math.floor(written * 1.6), "aria-label": "Tempo, beats a minute" };
  const slider = child(label, "input", range);
  slider.value = written;
  slider.addEventListener("input", () => {
    player.setRate(slider.value / written);
    shown.textContent = slider.value;
  });
  return label;
}

function switched(box, label, isOn, changed) {
  const button = control(box, "button", { "aria-pressed": isOn }, label);
  button.addEventListener("click", () => {
    isOn = !isOn;
    button.setAttribute("aria-pressed", isOn);
    changed(isOn);
  });
  return button;
}

function toggle() {
  if (player.isPlaying) player.stop();
  else player.start(player.place);
  paintPlayer();
}

function startAt(place) {
  player.start(place);
  paintPlayer();
}

function paintPlayer() {
  playButton.textContent = player.isPlaying ? "Stop" : "Play";
  playButton.classList.toggle("is-playing", player.isPlaying);
  if (!player.isPlaying) measures.forEach((measure) => measure.classList.remove("sounding"));
}

// From the first time that a note is played.
function hearFrom({ place, pitch }) {
  const played = props.value.playing.notes.find(([, , p, , onset, ticks]) => p === pitch && onset <= place && place < onset + ticks);
  if (played) startAt(played[0]);
}

const drawnAs = ({ pitch, place, ticks }) =>
  notes.filter((note) => note.pitch === pitch && note.place >= place && note.place < place + ticks);

// The notes that sound are marked, and their bar; the page follows.
function sounds(event) {
  const heads = drawnAs(event);
  heads.forEach(({ node }) => node.classList.add("sounding"));
  if (!heads.length) return;
  measures.forEach((measure, index) => measure.classList.toggle("sounding", index === heads[0].bar));
  const { top, bottom } = shades[heads[0].bar].getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) shades[heads[0].bar].scrollIntoView({ block: "center", behavior: pace() });
}

function silent(event) {
  drawnAs(event).forEach(({ node }) => node.classList.remove("sounding"));
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
    control(files, "a", { href: file.url, download: file.orig_name, "aria-label": `Download as ${kind}` }, kind);
  }
  const share = child(box, "div", { class: "share" });
  if (!value.query) {
    child(share, "span", { class: "note" }, "A tune from a file, or with notes of your own, has no link; download it to keep it.");
    return box;
  }
  const address = `${location.origin}${location.pathname}?${value.query}`;
  control(share, "a", { href: address }, "Link to this tune");
  const copy = control(share, "button", {}, "Copy link");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(address);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy link"), 2000);
  });
  return box;
}

function draw() {
  const paper = root.querySelector(".paper");
  const { value } = props;
  if (!paper || root.clientWidth === 0 || value.offered) return;
  const [wide, narrow] = { score: [value.wide, value.narrow], roll: [value.roll, value.narrowRoll], changes: [value.changes?.wide, value.changes?.narrow] }[view];
  const wanted = root.clientWidth < NARROW_BELOW ? narrow : wide;
  if (wanted === shownPicture) return;
  shownPicture = wanted;
  const svg = picture(wanted);
  paper.replaceChildren(svg);
  paper.classList.toggle("is-roll", view === "roll");
  crop(svg);
  measures = [...paper.querySelectorAll("g.measure")];
  if (view === "changes") paper.prepend(coloured(measures, value.changes));
  notes = notesIn(measures, value);
  shades = [];
  if (view !== "roll") furnish(svg);
  paint();
}

// Colours what differs and says where; the old notes are to be looked at alone.
function coloured(measures, { newStaves, bars, said, new: added, old: gone }) {
  const isIn = (notes, place, pitch) => notes.some(([start, high, ticks]) => high === pitch && start <= place && place < start + ticks);
  measures.forEach((measure, bar) => {
    measure.classList.toggle("altered", bars.includes(bar) && bars.length < measures.length);
    [...measure.querySelectorAll("g.staff")].forEach((staff, index) => {
      const isOld = index >= newStaves;
      for (const node of staff.querySelectorAll("g.note[id^='note-']")) {
        const [place, pitch] = node.id.split("-").slice(1).map(Number);
        if (isIn(isOld ? gone : added, place, pitch)) node.classList.add(isOld ? "gone" : "added");
        if (isOld) node.removeAttribute("id");
      }
    });
  });
  const legend = document.createElement("p");
  legend.className = "legend";
  legend.append(`Changed: ${said}. `);
  if (added.length) legend.append(child(legend, "span", { class: "added" }, "New notes"), " above, ");
  legend.append(child(legend, "span", gone.length ? { class: "gone" } : {}, gone.length ? "old ones" : "the old tune"), " below.");
  return legend;
}

// The margins are for paper.
function crop(svg) {
  const { width } = svg.viewBox.baseVal;
  svg.removeAttribute("width");
  svg.removeAttribute("height");
  svg.querySelector(":scope > rect")?.remove();
  const { y, height } = svg.getBBox();
  svg.setAttribute("viewBox", [MARGIN, y - 20, width - 2 * MARGIN, height + 40].join(" "));
}

function furnish(svg) {
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", `${props.value.title}: notes and bars; arrows lead from one to the next`);
  shades = shadesOf(measures, props.value);
  shades.forEach((shade, index) => shade.addEventListener("click", () => choose(props.value.numbers[index])));
  roving(shades, (index) => choose(props.value.numbers[index]));
  notes.forEach((note) => note.node.addEventListener("click", () => (note.node.focus(), hearFrom(note))));
  roving(notes.map(({ node }) => node), (index) => hearFrom(notes[index]));
  notes.forEach((note) => note.node.addEventListener("keydown", (event) => edit(event, note)));
  notes.find(({ place, pitch }) => edited && place === edited[0] && pitch === edited[2])?.node.focus();
  edited = null;
}

// Arrows move a note by a step of the key, with Shift by an octave, with Alt by a semitone; a letter names the nearest.
function edit(event, { place, pitch }) {
  const to = goal(event, pitch);
  if (to === null || edited) return;
  event.preventDefault();
  player.stop();
  paintPlayer();
  soundChord([to]);
  edited = [place, pitch, to];
  props.value = { ...props.value, edit: edited };
  trigger("input");
}

function goal({ key, shiftKey, altKey, ctrlKey, metaKey }, pitch) {
  const { scale } = props.value;
  if (ctrlKey || metaKey) return null;
  const direction = { ArrowUp: 1, ArrowDown: -1 }[key];
  if (direction && (shiftKey || altKey)) return pitch + direction * (shiftKey ? 12 : 1);
  const wanted = direction ? Object.values(scale) : [scale[key.toUpperCase()]];
  const steps = direction ? [1, 2, 3].map((step) => direction * step) : [0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6];
  const step = steps.find((distance) => wanted.includes((pitch + distance) % 12));
  return step ? pitch + step : null;
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
    shades[index]?.setAttribute("aria-pressed", isMarked);
  });
}

// Space plays and stops, but where it types or presses something.
document.addEventListener("keydown", (event) => {
  const isTaken = event.target.closest?.("input, textarea, select, summary, a, [role=option], [role=listbox], button:not(.play), .candidate .play");
  if (event.key !== " " || isTaken || !root.querySelector(".play")) return;
  event.preventDefault();
  if (!event.repeat) toggle();
});
document.addEventListener("keyup", (event) => {
  if (event.key === " " && event.target.matches?.(".play") && !event.target.closest(".candidate")) event.preventDefault(); // pressed already
});
// Where the server refused, no new picture comes; where it did not, that may come a little later than this event.
document.addEventListener("music-idle", () => {
  const asked = edited;
  setTimeout(() => (edited = edited === asked ? null : edited), 1000);
});
root.addEventListener("mark", ({ detail: [first, last] }) => {
  const isRange = Number.isInteger(first) && Number.isInteger(last) && first >= 1 && first <= last;
  marked = isRange ? [first, last] : null;
  paint();
});
new ResizeObserver(draw).observe(root);
watch("value", show);
show();
