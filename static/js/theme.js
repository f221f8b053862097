// Before the first paint: the appearance this person chose, if they chose one. Loaded blocking, in <head>.
try {
  const choice = localStorage.getItem("concord-theme");
  if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
} catch {
  // Storage is switched off: the system's wish stands.
}
