// Tunes to choose from, side by side: value.offered has {said, picture, playing} of those that are written, value.wanted
// says how many there will be. Each card has a player; one tune sounds at a time.
let cards = []; // {picture, player, button, notes} of those that are shown

function showOffered({ offered, wanted }) {
  const isMore = cards.length > 0 && cards.every((card, index) => card.picture === offered[index]?.picture);
  if (!isMore) {
    root.replaceChildren();
    cards = [];
    prepare();
    [instrument, "guitar"].forEach(load);
    child(root, "div", { class: "offered", role: "group", "aria-label": `${wanted} tunes to choose from` });
  }
  const list = root.querySelector(".offered");
  list.querySelectorAll(".awaited").forEach((node) => node.remove());
  offered.slice(cards.length).forEach((tune) => list.append(cardOf(tune, cards.length + 1, wanted)));
  for (let number = cards.length + 1; number <= wanted; number += 1) {
    child(list, "p", { class: "awaited note" }, `Tune ${number} is being written …`);
  }
  if (!isMore) bringIntoView();
}

function cardOf(tune, number, wanted) {
  const box = document.createElement("section");
  box.className = "candidate";
  box.setAttribute("aria-label", `Tune ${number} of ${wanted}`);
  const head = child(box, "div", { class: "player" });
  const button = control(head, "button", { class: "play", "aria-label": `Play tune ${number}` }, "Play");
  const take = control(head, "button", { "aria-label": `Go on with tune ${number}` }, "Go on with this one");
  child(box, "p", { class: "note" }, tune.said);
  const paper = child(box, "div", { class: "paper" });
  const svg = picture(tune.picture);
  paper.append(svg);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Score of tune ${number}`);
  requestAnimationFrame(() => crop(svg)); // its size is known once it is on the page
  const card = { picture: tune.picture, button, notes: [...svg.querySelectorAll("g.note[id^='note-']")] };
  const marking = (isOn) => (event) => cardNotes(card, event).forEach((node) => node.classList.toggle("sounding", isOn));
  card.player = playerOf(tune.playing, settings, { shown: marking(true), left: marking(false), ended: () => paintPlayer() });
  button.addEventListener("click", () => {
    if (player !== card.player) player?.stop();
    paintPlayer();
    [player, playButton] = [card.player, button];
    toggle();
  });
  take.addEventListener("click", () => {
    player?.stop();
    take.setAttribute("aria-busy", "true");
    props.value = { ...props.value, choice: number - 1 };
    trigger("option_select");
  });
  if (number === 1) [player, playButton] = [card.player, button];
  cards.push(card);
  return box;
}

const cardNotes = ({ notes }, { place, pitch }) => notes.filter(({ id }) => id.startsWith(`note-${place}-${pitch}-`));

// Where a tune could not be written, none is awaited.
document.addEventListener("music-idle", () => {
  if (document.querySelector(".status")?.dataset.tone === "wrong") root.querySelectorAll(".awaited").forEach((node) => node.remove());
});
