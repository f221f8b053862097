// The rubric's editor: rows are put in order by mouse or keys, and what is wrong leads to its field. Without script the
// places are numbers, and "Add" and "Show the points" bring the page again.
"use strict";

(() => {
  const ROW = "[data-order-row]";
  const rowsOf = (list) => [...list.querySelectorAll(ROW)].filter((row) => row.parentElement === list);
  // A row may hold rows of its own: the first that is not theirs.
  const own = (row, selector) => [...row.querySelectorAll(selector)].find((each) => each.closest(ROW) === row);
  const placeOf = (row) => own(row, 'input[name$="-ORDER"]');

  function number(list) {
    rowsOf(list).forEach((row, index, all) => {
      placeOf(row).value = index + 1;
      const shown = own(row, "[data-order-number]");
      if (shown) shown.textContent = index + 1;
      own(row, '[data-order-move="-1"]').disabled = index === 0;
      own(row, '[data-order-move="1"]').disabled = index === all.length - 1;
    });
  }
  // As the places say: what was kept is filled into rows as they first stood.
  function arrange() {
    document.querySelectorAll("[data-order]").forEach((list) => {
      const place = (row) => Number(placeOf(row).value) || Infinity;
      const rows = rowsOf(list);
      // What was typed and is no number stays for the server to say so.
      if (rows.some((row) => !placeOf(row).validity.valid)) return;
      rows.sort((one, other) => (place(one) === place(other) ? 0 : place(one) - place(other)));
      rows.forEach((row) => {
        list.append(row);
        own(row, "[data-order-place]").hidden = true;
        own(row, "[data-order-moves]").hidden = false;
      });
      number(list);
    });
  }
  function moved(row) {
    number(row.parentElement);
    placeOf(row).dispatchEvent(new Event("change", { bubbles: true }));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-order-move]");
    if (!button) return;
    const row = button.closest(ROW);
    const up = button.dataset.orderMove === "-1";
    const rows = rowsOf(row.parentElement);
    const other = rows[rows.indexOf(row) + (up ? -1 : 1)];
    if (!other) return;
    if (up) other.before(row);
    else other.after(row);
    moved(row);
    (button.disabled ? own(row, `[data-order-move="${up ? 1 : -1}"]`) : button).focus();
    row.scrollIntoView({ block: "nearest" });
  });

  // --- by mouse: a row is taken by its grip, and lies where it is let go of.
  let dragged = null;
  document.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-order-grip]");
    if (grip) grip.closest(ROW).draggable = true;
  });
  document.addEventListener("pointerup", () => document.querySelectorAll(`${ROW}[draggable]`).forEach((row) => row.removeAttribute("draggable")));
  document.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.(`${ROW}[draggable]`) || null;
    if (!dragged) return;
    event.dataTransfer.effectAllowed = "move";
    dragged.classList.add("is-dragged");
  });
  document.addEventListener("dragover", (event) => {
    const over = dragged && rowsOf(dragged.parentElement).find((row) => row.contains(event.target));
    if (!over) return;
    event.preventDefault();
    if (over === dragged) return;
    const box = over.getBoundingClientRect();
    if (event.clientY < box.top + box.height / 2) over.before(dragged);
    else over.after(dragged);
  });
  document.addEventListener("drop", (event) => dragged && event.preventDefault());
  document.addEventListener("dragend", () => {
    if (!dragged) return;
    dragged.classList.remove("is-dragged");
    dragged.removeAttribute("draggable");
    moved(dragged);
    dragged = null;
  });

  // --- a fault leads into its field, not only to it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('.form-errors a[href^="#"]');
    const field = link && document.getElementById(link.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.scrollIntoView({ block: "center" });
  });

  arrange();
  document.addEventListener("concord:filled", arrange);
})();
