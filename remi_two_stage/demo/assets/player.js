// Plays what `playback.py` lists, by the recorded notes of INSTRUMENTS (name -> [lowest, step, count, seconds of each]).
// A place is in seconds at the written tempo; `rate` is how much faster it is played, and may change at any time.
const AHEAD = 0.15; // seconds for which notes are handed to the sound card
const RELEASE = 0.25; // seconds in which a note fades
const SMEARED = 0.02; // seconds at a recorded note's end that hold some of the next one
const CHORD_VELOCITY = 46;
const recordings = new Map(); // name -> AudioBuffer, once it is there
const requested = new Set();
let audio = null; // the AudioContext; browsers let it sound after a click or a key only
let output = null;

function load(name) {
  if (requested.has(name)) return;
  requested.add(name);
  fetch(`instruments/${name}.ogg`)
    .then((answer) => answer.arrayBuffer())
    .then((content) => new OfflineAudioContext(1, 1, 44100).decodeAudioData(content))
    .then((recording) => recordings.set(name, recording))
    .catch(() => {}); // no Ogg in this browser: a plain tone sounds in its place
}

// Made before it is needed, since that takes a while.
function prepare() {
  if (audio !== null) return;
  audio = new AudioContext({ latencyHint: "interactive" });
  output = new DynamicsCompressorNode(audio, { threshold: -12 });
  output.connect(new GainNode(audio, { gain: 0.9 })).connect(audio.destination);
}

function wake() {
  prepare();
  if (audio.state === "suspended") audio.resume();
}

// The recorded note nearest in pitch, played faster or slower.
function recorded(name, at, pitch, seconds) {
  const [lowest, step, count, length] = INSTRUMENTS[name];
  const index = Math.min(count - 1, Math.max(0, Math.round((pitch - lowest) / step)));
  const playbackRate = 2 ** ((pitch - lowest - index * step) / 12);
  const source = new AudioBufferSourceNode(audio, { buffer: recordings.get(name), playbackRate });
  source.start(at, index * length, Math.min(seconds * playbackRate, length - SMEARED));
  return source;
}

function tone(at, pitch) {
  const source = new OscillatorNode(audio, { type: "triangle", frequency: 440 * 2 ** ((pitch - 69) / 12) });
  source.start(at);
  return source;
}

// A note at a time of the sound card; returns what stops it.
function sound(name, at, seconds, pitch, velocity) {
  const loudness = (velocity / 127) ** 2;
  const end = at + Math.max(0.05, seconds);
  const gain = new GainNode(audio, { gain: loudness });
  gain.gain.setValueAtTime(loudness, end);
  gain.gain.linearRampToValueAtTime(0, end + RELEASE);
  const source = recordings.has(name) ? recorded(name, at, pitch, end - at + RELEASE) : tone(at, pitch);
  source.connect(gain).connect(output);
  source.stop(end + RELEASE);
  return source;
}

function click(at, isFirst) {
  const source = new OscillatorNode(audio, { frequency: isFirst ? 1760 : 1320 });
  const gain = new GainNode(audio, { gain: 0.35 });
  gain.gain.exponentialRampToValueAtTime(0.001, at + 0.05);
  source.connect(gain).connect(output);
  source.start(at);
  source.stop(at + 0.05);
  return source;
}

// A chord that was typed.
function soundChord(pitches) {
  wake();
  load("guitar");
  pitches.forEach((pitch, index) => sound("guitar", audio.currentTime + 0.01 + 0.03 * index, 1.2, pitch, 74));
}

// The player of one tune. `settings` are asked anew for every note: instrument, hasChords, hasClicks, loop ([start, end]
// or null). `shown(event)` is called when a note begins, `left(event)` when it ends, `ended()` after the last one.
function playerOf(playing, settings, { shown, left, ended }) {
  const events = [
    ...playing.notes.map(([start, seconds, pitch, velocity, place, ticks]) => ({ kind: "note", start, seconds, pitch, velocity, place, ticks })),
    ...playing.chords.map(([start, seconds, pitch]) => ({ kind: "chord", start, seconds, pitch, velocity: CHORD_VELOCITY })),
    ...playing.beats.map(([start, isFirst]) => ({ kind: "beat", start, seconds: 0, isFirst })),
  ].sort((a, b) => a.start - b.start);
  let rate = 1;
  let next = 0; // index of the event that is handed over next
  let anchor = { time: 0, place: 0 }; // a time of the sound card, and the place that sounds then
  let timer = 0;
  let sources = [];
  let queue = []; // [time, what is to be done on the page], by time

  const timeOf = (place) => anchor.time + (place - anchor.place) / rate;
  const placeAt = (time) => anchor.place + (time - anchor.time) * rate;
  const indexAt = (place) => events.findIndex(({ start }) => start >= place - 0.001);

  function hand(event) {
    const at = Math.max(timeOf(event.start), audio.currentTime);
    const { instrument, hasChords, hasClicks } = settings();
    const seconds = event.seconds / rate;
    let source = null;
    if (event.kind === "note") source = sound(instrument, at, seconds, event.pitch, event.velocity);
    if (event.kind === "chord" && hasChords) source = sound("guitar", at, seconds, event.pitch, event.velocity);
    if (event.kind === "beat" && hasClicks) source = click(at, event.isFirst);
    if (source) sources.push(source);
    if (source) source.addEventListener("ended", () => (sources = sources.filter((other) => other !== source)));
    if (event.kind === "note") queue.push([at, () => shown(event)], [at + seconds, () => left(event)]);
  }

  function fill() {
    const horizon = audio.currentTime + AHEAD;
    for (;;) {
      const { loop } = settings();
      const end = loop ? loop[1] : playing.seconds;
      const isOver = next >= events.length || events[next].start >= end - 0.001;
      if (timeOf(isOver ? end : events[next].start) > horizon) return;
      if (!isOver) hand(events[next++]);
      else if (!loop) return void queue.push([timeOf(end), finish]);
      else {
        anchor = { time: Math.max(timeOf(end), audio.currentTime), place: loop[0] };
        next = indexAt(loop[0]);
      }
    }
  }

  function beat() {
    if (!player.isPlaying) return;
    queue.sort(([a], [b]) => a - b);
    while (queue.length && queue[0][0] <= audio.currentTime) queue.shift()[1]();
    requestAnimationFrame(beat);
  }

  function finish() {
    player.stop();
    player.place = 0;
    ended();
  }

  const player = {
    isPlaying: false,
    place: 0, // where it starts
    start(place) {
      player.stop();
      wake();
      const { loop } = settings();
      if (loop && (place < loop[0] || place >= loop[1])) place = loop[0];
      next = Math.max(0, indexAt(place));
      anchor = { time: audio.currentTime + 0.03, place };
      player.isPlaying = true;
      timer = setInterval(fill, 40);
      fill();
      beat();
    },
    stop() {
      if (!player.isPlaying) return;
      player.place = Math.max(0, placeAt(audio.currentTime));
      player.isPlaying = false;
      clearInterval(timer);
      sources.forEach((source) => source.stop());
      queue.filter(([, done]) => done !== finish).forEach(([, done]) => done());
      queue = [];
      sources = [];
    },
    setRate(wanted) {
      if (player.isPlaying) anchor = { time: audio.currentTime, place: placeAt(audio.currentTime) };
      rate = wanted;
    },
  };
  return player;
}

document.addEventListener("sound-chord", ({ detail }) => soundChord(detail));
