// Gradio's lists open again when Tab leaves them, and their scrolling part then takes the focus: they never hear of Tab.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Tab" || event.target.getAttribute?.("role") !== "combobox") return;
    event.stopImmediatePropagation();
    document.querySelectorAll("[role=listbox]").forEach((list) => (list.tabIndex = -1));
  },
  true,
);
