// Value from the server: [tone, text]; the tone is "said" or "wrong". Also shows which button is at work.
const BUTTONS = "#plan, #compose, #three, #take, #take-abc, #rewrite, #extend, #harmonize, #undo, #redo, #file";
const FIELDS = "#request, #tools, .as-text"; // what a message other than of chords is about
const line = element.firstElementChild;
line.className = "status";
line.setAttribute("role", "status");
line.setAttribute("aria-live", "polite");
let lastSaid = "";

function put(tone, text) {
  line.dataset.tone = tone;
  line.textContent = text;
}

function show() {
  const [tone, text] = props.value ?? ["said", ""];
  if (tone === "said") lastSaid = text;
  put(tone, text);
  const isAnswer = document.querySelector("[aria-busy=true]") !== null;
  requestAnimationFrame(() => lead(tone, isAnswer)); // the score is there by then, if it comes
}

// Whoever has pressed a button far from here, as on a phone, is led to what is said of it, unless the score does that.
function lead(tone, isAnswer) {
  const { top, bottom } = line.getBoundingClientRect();
  const isAlone = tone === "wrong" || (isAnswer && document.querySelector(".score-view.is-empty"));
  if (!isAlone || !line.textContent || (top >= 0 && bottom <= innerHeight)) return;
  const behavior = matchMedia("(prefers-reduced-motion: no-preference)").matches ? "smooth" : "instant";
  line.closest("#state").scrollIntoView({ block: tone === "wrong" ? "center" : "start", behavior });
}

// A message goes when what it is about is changed; of chords, when they can all be read.
function mended() {
  if (line.dataset.tone === "wrong") put("said", lastSaid);
}

function idle() {
  document.querySelectorAll("[aria-busy=true]").forEach((button) => button.removeAttribute("aria-busy"));
}

for (const kind of ["input", "change"]) {
  document.addEventListener(kind, ({ target }) => target.closest?.(FIELDS) && mended());
}
document.addEventListener("chords-mended", () => /^(Bar|Pick-up) /.test(line.textContent) && mended());
document.addEventListener("click", ({ target }) => target.closest?.(BUTTONS)?.matches(":not(#file)") && target.closest(BUTTONS).setAttribute("aria-busy", "true"));
document.addEventListener("music-idle", idle);
watch("value", show);
show();
