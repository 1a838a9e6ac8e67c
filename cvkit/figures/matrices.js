// Name the cell of a confusion matrix that is clicked, show its errors in the gallery, and find a class.

const gallery = document.querySelector(".gallery .controls select option[value=group]")?.closest(".gallery");
const pairsShown = new Set([...(gallery?.querySelectorAll("li[data-labels]") ?? [])].map((card) => JSON.stringify(JSON.parse(card.dataset.labels))));
const arrows = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

for (const matrix of document.querySelectorAll(".matrix")) {
  const picked = matrix.querySelector(".picked");
  const [said, show] = [picked.querySelector("output"), picked.querySelector("button")];
  let pair = null;

  const pick = (cell) => {
    if (!cell) return;
    matrix.querySelector(".chosen")?.classList.remove("chosen");
    cell.classList.add("chosen");
    said.textContent = cell.dataset.tip.replaceAll("\n", ", ");
    pair = cell.dataset.pair ? JSON.parse(cell.dataset.pair) : null;
    // The gallery may have both classes, and no card with this pair.
    show.hidden = !(pair && pairsShown.has(JSON.stringify(pair)));
    picked.hidden = false;
  };
  matrix.addEventListener("click", ({ target }) => pick(target.closest("td[data-tip]")));
  show.addEventListener("click", () => {
    [...gallery.querySelectorAll(".controls select")].slice(1).forEach((choice, i) => { choice.value = pair[i]; });
    gallery.querySelector(".controls input[type=search]").value = "";
    gallery.querySelector(".controls").dispatchEvent(new Event("input"));
    gallery.scrollIntoView();
  });

  // Each grid is one stop of the Tab key; arrows lead to the next cell that is not empty, and Enter picks it.
  for (const grid of matrix.querySelectorAll(".grid")) {
    const cells = grid.querySelectorAll("td[data-tip]");
    for (const cell of cells) cell.tabIndex = -1;
    const first = grid.querySelector("td.wrong") ?? cells[0];
    if (first) first.tabIndex = 0;
    grid.addEventListener("keydown", (event) => {
      const cell = event.target.closest("td[data-tip]");
      if (!cell) return;
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        pick(cell);
      } else if (arrows[event.key]) {
        event.preventDefault();
        const [down, right] = arrows[event.key];
        let [row, column] = [cell.parentElement.rowIndex + down, cell.cellIndex + right];
        while (grid.rows[row]?.cells[column] && !grid.rows[row].cells[column].matches("td[data-tip]")) {
          [row, column] = [row + down, column + right];
        }
        const next = grid.rows[row]?.cells[column];
        if (!next) return;
        cell.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
      }
    });
  }

  const find = matrix.querySelector(".find");
  if (!find) continue;
  find.hidden = false;
  const name = (head) => head.dataset.tip.slice(head.dataset.tip.indexOf(": ") + 2);
  find.querySelector("input").addEventListener("input", ({ target }) => {
    const words = target.value.toLowerCase().trim();
    let shown = 0;
    for (const block of matrix.querySelectorAll(".block")) {
      const classes = [...block.querySelectorAll("tbody th")].map(name);
      const found = new Set(words === "" ? [] : classes.filter((each) => each.toLowerCase().includes(words)));
      for (const head of block.querySelectorAll("th")) head.classList.toggle("found", found.has(name(head)));
      block.hidden = words !== "" && found.size === 0;
      shown += !block.hidden;
    }
    find.querySelector("output").textContent = shown ? "" : "not among the classes shown; confusion.csv has all classes";
  });
}
