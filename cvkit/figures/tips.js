// Show the values behind a figure beside the pointer or the finger. Without this script, browsers show them as titles.

const box = document.createElement("div");
box.id = "tip";
box.hidden = true;
box.setAttribute("aria-hidden", "true"); // the same words are in the figure's description and in the tables
document.body.append(box);

for (const title of document.querySelectorAll(".tip > title")) {
  title.parentElement.dataset.tip = title.textContent;
  title.remove();
}

const show = (event) => {
  const owner = event.target.closest?.("[data-tip]");
  box.hidden = !owner;
  if (!owner) return;
  box.textContent = owner.dataset.tip;
  const { width, height } = box.getBoundingClientRect();
  const left = event.clientX + 14 + width > innerWidth ? event.clientX - width - 14 : event.clientX + 14;
  box.style.left = `${Math.max(4, left)}px`;
  box.style.top = `${Math.min(event.clientY + 14, innerHeight - height - 4)}px`;
};
for (const kind of ["pointermove", "pointerdown"]) addEventListener(kind, show);
addEventListener("scroll", () => { box.hidden = true; }, { passive: true });
