// Single-key shortcuts.
//   data-key="x"       on a link or button: x presses it; on a radio or checkbox: x chooses it; on a field: x enters it.
//   data-key-label     what the shortcut list calls it (else its text).
//   data-likert        an axis: a digit chooses a radio of the active one (0 stands for 10) and the next becomes active;
//                      where its range is long, digits are typed into its number, and Enter goes to the next.
//                      data-digit on a radio: the digit that chooses it, where this is not its value; data-arrow: the arrow
//                      that does, where a row is in focus, and from anywhere those that no page scrolls by.
//   data-submit-keys   a form: Ctrl+Enter (⌘+Enter) submits it from anywhere, typing included.
// A key that is held down acts once: it answers one axis, and asks for one submit.
// Letters and digits are left alone while someone types, and can be switched off in the shortcut list (WCAG 2.1.4).
"use strict";

// What a press means, whatever the layout: a digit of any script, or the key of the number row where it types none
// without Shift (French, Czech); the letter of Latin layouts by what it types, of others by its place. Null for what
// an input method or a dead key is still making something of.
function keyOf(event) {
  const { key, code } = event;
  if (event.isComposing || event.keyCode === 229 || key === "Dead" || [...key].length !== 1) return null;
  if (/\p{Nd}/u.test(key)) {
    // The ten digits of a script stand in a row, and the rows begin with 0.
    let zero = key.codePointAt(0);
    while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
    return String((key.codePointAt(0) - zero) % 10);
  }
  if (/[?？؟՞]/.test(key)) return "?";
  if (/[a-z]/i.test(key)) return key.toLowerCase();
  const place = /^(?:Digit(\d)|Key([A-Z]))$/.exec(code || "");
  if (place?.[1] && !event.shiftKey) return place[1];
  return place?.[2] && /\p{L}/u.test(key) ? place[2].toLowerCase() : key;
}

(() => {
  const SWITCH = "concord-keys";
  let on = true;
  try {
    on = localStorage.getItem(SWITCH) !== "off";
  } catch {
    // Storage is switched off: shortcuts start on.
  }
  let active = null;
  let held = null; // the key that acted and is still down

  const rows = () => [...document.querySelectorAll("[data-likert]")].filter((row) => !row.querySelector(":disabled"));
  const numberOf = (row) => row?.querySelector('input[type="number"]');
  const answered = (row) => (numberOf(row) ? numberOf(row).value !== "" : row.querySelector(":checked") !== null);

  function activate(row) {
    rows().forEach((other) => other.classList.toggle("is-active", other === row));
    active = row;
  }

  // The row that a digit answers: the one in focus, else the active one, else the first unanswered.
  function current() {
    const all = rows();
    const focused = document.activeElement?.closest?.("[data-likert]");
    if (focused && all.includes(focused)) return focused;
    if (active && active.isConnected && all.includes(active)) return active;
    return all.find((row) => !answered(row)) || all[0];
  }

  function choose(input) {
    if (!input.checked) {
      input.checked = true;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
    input.focus({ focusVisible: true });
    (input.closest("[data-likert], fieldset, label") || input).scrollIntoView({ block: "nearest" });
  }

  const radios = (row) => [...(row?.querySelectorAll('input[type="radio"]') || [])];
  const digitOf = (input) => input.dataset.digit || input.value;
  const radioOf = (row, score) => radios(row).find((input) => digitOf(input) === score);

  // What the browser would not type into a number by itself: a digit of another script, or one by its place.
  function type(digit, event) {
    if (event.key === digit) return;
    event.preventDefault();
    document.execCommand("insertText", false, digit);
  }

  // True where the digit was taken; one that begins a number is left to the browser to type.
  function answer(digit, event) {
    const row = current();
    if (numberOf(row)) {
      numberOf(row).focus();
      numberOf(row).select();
      type(digit, event);
      return false;
    }
    const input = radioOf(row, digit) || (digit === "0" && radioOf(row, "10"));
    if (!input) return false;
    choose(input);
    advance(row);
    return true;
  }

  // An arrow that points at what is meant; up and down scroll the page as long as no row is in focus.
  function point(arrow, event) {
    const row = current();
    const input = radios(row).find((each) => each.dataset.arrow === arrow);
    if (!input || (arrow === "ArrowDown" && !event.target.closest("[data-likert]"))) return false;
    choose(input);
    advance(row);
    return true;
  }

  function advance(row) {
    const all = rows();
    const next = all[all.indexOf(row) + 1];
    if (next) {
      activate(next);
      const first = next.querySelector(":checked") || next.querySelector("input");
      first.focus({ focusVisible: true });
      next.scrollIntoView({ block: "nearest" });
    } else activate(row);
  }

  function press(element) {
    if (element.matches('input[type="radio"], input[type="checkbox"]')) {
      if (element.type === "checkbox") element.click();
      else choose(element);
    } else if (element.matches("input, textarea, select")) element.focus();
    else element.click();
  }

  const typing = (target) =>
    target.isContentEditable || target.matches('textarea, select, input:not([type="radio"], [type="checkbox"], [type="button"], [type="submit"])');

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    // Left to the browser, a held Enter would press its button, or submit its form, again and again; and a key that
    // led into a text would go on in it.
    const breaks = event.target.matches("textarea") && !event.ctrlKey && !event.metaKey;
    if (event.repeat && (event.key === held || (event.key === "Enter" && !breaks))) {
      event.preventDefault();
      return;
    }
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      const form = document.querySelector("form[data-submit-keys]");
      if (form && !document.querySelector("dialog[open]")) {
        event.preventDefault();
        held = event.key;
        form.requestSubmit(form.querySelector("[data-submit-default]") || undefined);
      }
      return;
    }
    if (event.key === "Enter" && event.target.matches('[data-likert] input[type="number"]')) {
      event.preventDefault();
      advance(event.target.closest("[data-likert]"));
      return;
    }
    const key = keyOf(event);
    const isDigit = /^\d$/.test(key) && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isDigit && event.target.matches('[data-likert] input[type="number"]')) type(key, event);
    if (!on || event.repeat || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (/^Arrow/.test(event.key)) {
      if (!point(event.key, event)) return;
      event.preventDefault();
      held = event.key;
    } else if (key === "?") {
      event.preventDefault();
      document.getElementById("shortcuts")?.showModal();
    } else if (isDigit) {
      if (!answer(key, event)) return;
      event.preventDefault();
      held = event.key;
    } else if (key) {
      const target = [...document.querySelectorAll("[data-key]")].find((element) => element.dataset.key === key && !element.disabled);
      if (target) {
        event.preventDefault();
        held = event.key;
        press(target);
      }
    }
  });
  const letGo = () => (held = null);
  document.addEventListener("keyup", letGo);
  window.addEventListener("blur", letGo);
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-likert]");
    if (row) activate(row);
  });

  // An element's text without the key caps in it.
  function words(element) {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("kbd").forEach((cap) => cap.remove());
    return copy.textContent.replace(/\s+/g, " ").trim();
  }

  // The digits that answer: those of the axes' points where all are alike, else any.
  function keysOf(all) {
    const ends = all.map((row) => radios(row).map((input) => digitOf(input) % 10));
    const [first] = ends;
    const alike = first.length && ends.every((each) => each.join() === first.join());
    return alike ? [first[0], "…", first.at(-1)].map(String) : ["0", "…", "9"];
  }

  // The list shows what this page offers, each time it is opened.
  function list() {
    const place = document.querySelector("[data-keys-here]");
    if (!place) return;
    const entries = [];
    if (rows().length) entries.push([keysOf(rows()), "Answer the marked axis and go to the next"]);
    if (document.querySelector("[data-arrow]")) entries.push([["←", "↓", "→"], "The same: left, equal, right"]);
    if (document.querySelector("form[data-submit-keys]")) entries.push([["Ctrl", "Enter"], "Submit"]);
    document.querySelectorAll("[data-key]").forEach((element) => {
      entries.push([[element.dataset.key], element.dataset.keyLabel || words(element.labels?.[0] || element)]);
    });
    place.replaceChildren(
      ...entries.flatMap(([keys, text]) => {
        const term = document.createElement("dt");
        keys.forEach((key) => {
          const cap = document.createElement(key === "…" ? "span" : "kbd");
          cap.textContent = key === "…" ? " … " : key;
          term.append(cap, " ");
        });
        const meaning = document.createElement("dd");
        meaning.textContent = text;
        return [term, meaning];
      }),
    );
  }
  const dialog = document.getElementById("shortcuts");
  if (dialog) {
    new MutationObserver(() => dialog.open && list()).observe(dialog, { attributes: true, attributeFilter: ["open"] });
    const box = dialog.querySelector("[data-keys-switch]");
    box.checked = on;
    box.addEventListener("change", () => {
      on = box.checked;
      try {
        localStorage.setItem(SWITCH, on ? "on" : "off");
      } catch {
        // The choice lasts as long as the page.
      }
    });
  }
})();
