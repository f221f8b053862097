// The shell's few manners: dialogs, menus, toasts, appearance, and what htmx cannot say by itself.
"use strict";

const byId = (id) => document.getElementById(id);

function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
}

// --- in which zone this browser is: times are told in it, where its person has chosen no other (core/zones.py).
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
if (timeZone) document.cookie = `zone=${timeZone}; path=/; max-age=31536000; samesite=lax`;

// --- dialogs: data-dialog="id" opens, data-close or a click outside closes; Esc is the browser's own.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    event.preventDefault();
    byId(opener.dataset.dialog)?.showModal();
    document.querySelectorAll(".glossary .is-asked").forEach((entry) => entry.classList.remove("is-asked"));
    const entry = opener.dataset.term && byId(opener.dataset.term);
    entry?.classList.add("is-asked");
    entry?.scrollIntoView({ block: "center" });
    return;
  }
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  else if (event.target.matches("dialog[open]")) event.target.close();
});

// --- a panel beside what is judged: data-beside="id" on its openers opens and closes it.
const BESIDE = "[data-beside]";
function showBeside() {
  document.querySelectorAll(BESIDE).forEach((opener) => {
    opener.setAttribute("aria-expanded", String(!byId(opener.dataset.beside).hidden));
    opener.setAttribute("aria-controls", opener.dataset.beside);
  });
}
function turnBeside(panel) {
  panel.hidden = !panel.hidden;
  if (!panel.hidden) panel.focus({ preventScroll: true });
  else if (panel.contains(document.activeElement)) document.querySelector(`a[data-beside="${panel.id}"]`)?.focus();
  showBeside();
}
document.addEventListener("click", (event) => {
  const opener = event.target.closest(BESIDE);
  const panel = opener && byId(opener.dataset.beside);
  if (!panel) return;
  event.preventDefault();
  turnBeside(panel);
});
document.addEventListener("keydown", (event) => {
  const panel = event.key === "Escape" && event.target.closest(".beside");
  if (panel) turnBeside(panel);
});
showBeside();
document.addEventListener("htmx:afterSettle", showBeside);

// --- menus: one open at a time; a click elsewhere or Esc closes.
function closeMenus(except) {
  document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
    if (menu !== except) menu.open = false;
  });
}
document.addEventListener("click", (event) => closeMenus(event.target.closest("details[data-menu]")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details[data-menu][open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

// --- appearance
function showTheme() {
  const current = document.documentElement.dataset.theme || "system";
  document.querySelectorAll("[data-theme-choice]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === current));
  });
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-choice]");
  if (!button) return;
  const choice = button.dataset.themeChoice;
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  remember("concord-theme", choice === "system" ? null : choice);
  showTheme();
});
showTheme();

// --- toasts: good news leaves after a while, unless someone is reading it; warnings and errors stay.
const READING_TIME_MS = 6000;
function tend(toast) {
  if (!["success", "info"].includes(toast.dataset.toast)) return;
  setTimeout(function leave() {
    if (toast.matches(":hover, :focus-within")) setTimeout(leave, READING_TIME_MS);
    else toast.remove();
  }, READING_TIME_MS);
}
function say(text, level = "error", helps = null) {
  const toast = document.createElement("div");
  toast.className = `toast toast--${level}`;
  toast.dataset.toast = level;
  const words = document.createElement("span");
  words.className = "toast__text";
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "toast__close";
  close.dataset.dismiss = "";
  close.setAttribute("aria-label", "Dismiss");
  close.textContent = "✕";
  toast.append(words, ...(helps ? [helps] : []), close);
  byId("messages").append(toast);
  return toast;
}
document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest("[data-toast]")?.remove());
new MutationObserver((changes) => {
  changes.forEach((change) => change.addedNodes.forEach((node) => node.matches?.("[data-toast]") && tend(node)));
}).observe(byId("messages"), { childList: true });
document.querySelectorAll("[data-toast]").forEach(tend);

// --- what scrolls sideways can be reached, and scrolled, by keyboard.
function reachScrollers() {
  document.querySelectorAll(".table-wrap, .panel__body--flush, .stages, .prose pre, .prose table").forEach((box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
}
reachScrollers();
window.addEventListener("resize", reachScrollers);
document.addEventListener("htmx:afterSettle", reachScrollers);

// --- tables whose rows become entries where they do not fit side by side: each cell learns the name of its column.
function nameCells() {
  document.querySelectorAll(".stacks").forEach((table) => {
    const names = [...(table.tHead?.rows[0].cells ?? [])].map((head) => (head.querySelector(".visually-hidden") ? "" : head.textContent.trim()));
    table.querySelectorAll("tbody tr").forEach((row) => {
      let place = 0;
      [...row.cells].forEach((cell) => {
        if (cell.tagName === "TD" && cell.colSpan === 1 && names[place]) cell.dataset.label = names[place];
        place += cell.colSpan;
      });
    });
  });
}
nameCells();
document.addEventListener("htmx:afterSettle", nameCells);

// --- a form that must be confirmed without htmx: data-confirm="question"
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm || event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// --- an error mark goes once its fault is mended, and with the last one the line that counts them.
const MARKS = ".likert--invalid, .chips--invalid, .field--invalid, [aria-invalid]";
const isMarked = (group) => group.matches(MARKS) || group.querySelector(MARKS) !== null;
function mend(field) {
  const group = field.closest?.(".likert, .chips, .field");
  const isChoice = field.type === "radio" || field.type === "checkbox";
  const given = isChoice ? field.checked && field.value !== "" : field.value.trim() !== "";
  if (!group || !given || !field.validity.valid || !isMarked(group)) return;
  group.classList.remove("likert--invalid", "chips--invalid", "field--invalid");
  group.querySelectorAll(".likert__error, .field__errors").forEach((error) => error.remove());
  group.querySelectorAll("[aria-invalid]").forEach((each) => each.removeAttribute("aria-invalid"));
  [group, ...group.querySelectorAll("[aria-describedby]")].forEach((each) => {
    const there = (each.getAttribute("aria-describedby") || "").split(" ").filter(byId);
    if (there.length) each.setAttribute("aria-describedby", there.join(" "));
    else each.removeAttribute("aria-describedby");
  });
  const left = [...document.querySelectorAll(".likert, .chips, .field")].filter(isMarked).length;
  document.querySelectorAll("[data-faults-left]").forEach((place) => {
    place.textContent = `${left} answer${left === 1 ? "" : "s"} to mend, marked below.`;
  });
  if (!left) document.querySelectorAll("[data-faults]").forEach((line) => line.remove());
}
["input", "change"].forEach((kind) => document.addEventListener(kind, (event) => mend(event.target)));
