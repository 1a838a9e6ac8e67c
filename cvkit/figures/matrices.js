// Name the cell of a confusion matrix that is clicked, show its errors in the gallery, and find a class.

const gallery = document.querySelector(".gallery .controls select option[value=group]")?.closest(".gallery");

for (const matrix of document.querySelectorAll(".matrix")) {
  const picked = matrix.querySelector(".picked");
  const [said, show] = [picked.querySelector("output"), picked.querySelector("button")];
  let pair = null;

  matrix.addEventListener("click", ({ target }) => {
    const cell = target.closest("td[data-tip]");
    if (!cell) return;
    matrix.querySelector(".chosen")?.classList.remove("chosen");
    cell.classList.add("chosen");
    said.textContent = cell.dataset.tip.replaceAll("\n", ", ");
    pair = cell.dataset.pair ? JSON.parse(cell.dataset.pair) : null;
    const choices = gallery ? [...gallery.querySelectorAll(".controls select")].slice(1) : [];
    const has = pair && choices.every((choice, i) => [...choice.options].some((option) => option.value === pair[i]));
    show.hidden = !has;
    picked.hidden = false;
  });
  show.addEventListener("click", () => {
    [...gallery.querySelectorAll(".controls select")].slice(1).forEach((choice, i) => { choice.value = pair[i]; });
    gallery.querySelector(".controls").dispatchEvent(new Event("input"));
    gallery.scrollIntoView();
  });

  const find = matrix.querySelector(".find");
  if (!find) continue;
  find.hidden = false;
  find.querySelector("input").addEventListener("input", ({ target }) => {
    const words = target.value.toLowerCase().trim();
    for (const block of matrix.querySelectorAll(".block")) {
      const heads = [...block.querySelectorAll("th")];
      for (const head of heads) {
        head.classList.toggle("found", words !== "" && head.dataset.tip.toLowerCase().includes(words));
      }
      block.hidden = words !== "" && !heads.some((head) => head.classList.contains("found"));
    }
  });
}
