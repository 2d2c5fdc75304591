const line = element.firstElementChild;
line.className = "status";
line.setAttribute("role", "status");
line.setAttribute("aria-live", "polite");

function show() {
  const [tone, text] = props.value ?? ["said", ""];
  line.dataset.tone = tone;
  line.textContent = text;
}

watch("value", show);
show();
