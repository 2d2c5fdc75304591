// The bars and notes of an engraved score as things to click on, to focus and to name. One of each takes part in the Tab
// order; arrows lead from it to the others.
const HEAD_MARGIN = 70; // around a note's head, in the units of the picture: a finger is no pen
const LETTERS = {
  false: ["C", "C sharp", "D", "D sharp", "E", "F", "F sharp", "G", "G sharp", "A", "A sharp", "B"],
  true: ["C", "D flat", "D", "E flat", "E", "F", "G flat", "G", "A flat", "A", "B flat", "B"],
};

const lastBefore = (entries, place) => entries.findLast(([start]) => start <= place)?.[1] ?? "";

function spoken(pitch, isFlat) {
  return `${LETTERS[isFlat][pitch % 12]} ${Math.floor(pitch / 12) - 1}`;
}

// {node, place, pitch, bar} for each note, in reading order; its id is told by `rendering/note_ids.py`.
function notesIn(measures, { bars, isFlat }) {
  const chords = bars.flatMap((bar) => bar.chords);
  return measures.flatMap((measure, bar) =>
    [...measure.querySelectorAll("g.note[id^='note-']")].map((node) => {
      const [place, pitch] = node.id.split("-").slice(1).map(Number);
      const { name, start, offset, beat } = bars[bar];
      const at = (place - start + offset) / beat;
      const chord = lastBefore(chords, place);
      const where = `${name}, beat ${Math.floor(at) + 1}${at % 1 ? " and a part" : ""}`;
      const words = [...node.querySelectorAll(".verse")]; // verovio's are inside the note
      words.forEach((verse) => verse.setAttribute("aria-hidden", "true"));
      const sung = words[0]?.textContent.trim() ?? "";
      node.setAttribute("role", "button");
      node.setAttribute("aria-label", `${spoken(pitch, isFlat)}, ${where}${chord ? `, over ${chord}` : ""}${sung ? `, sung ${sung}` : ""}`);
      rectangle(node, node.querySelector(".notehead") ?? node, "target", HEAD_MARGIN);
      return { node, place, pitch, bar };
    }),
  );
}

// A rectangle behind what a node draws.
function rectangle(parent, drawn, className, margin = 0) {
  const { x, y, width, height } = drawn.getBBox();
  const sides = { x: x - margin, y: y - margin, width: width + 2 * margin, height: height + 2 * margin };
  const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, number] of Object.entries(sides)) box.setAttribute(name, number);
  box.setAttribute("class", className);
  parent.prepend(box);
  return box;
}

// A rectangle behind each bar, which is its button.
function shadesOf(measures, { bars }) {
  return measures.map((measure, index) => {
    const shade = rectangle(measure, measure, "shade");
    const names = bars[index].chords.map(([, name]) => name).join(", ");
    shade.setAttribute("role", "button");
    shade.setAttribute("aria-label", `Mark ${bars[index].name}${names ? `: ${names}` : ""}`);
    return shade;
  });
}

// Arrows, Home and End go from one of the nodes to another; `chosen` is called at Enter.
function roving(nodes, chosen) {
  nodes.forEach((node, index) => {
    node.setAttribute("tabindex", index ? -1 : 0);
    node.addEventListener("focus", () => nodes.forEach((other) => other.setAttribute("tabindex", other === node ? 0 : -1)));
    node.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: nodes.length - 1 };
      if (event.key === "Enter") chosen(index);
      else if (event.key in steps) nodes[steps[event.key]]?.focus();
      else return;
      event.preventDefault();
    });
  });
}
