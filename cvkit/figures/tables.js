// Sort tables by column, and show the first rows of long tables. Without this script, all rows are shown unsorted.

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const text = (row, column) => row.cells[column].textContent;
  const number = (row, column) => Number.parseFloat(text(row, column).replace(/[<>,]/g, ""));
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    if (heading.tagName === "TD") return; // a column without a name
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => {
      const ascending = heading.ariaSort !== "ascending";
      for (const cell of table.tHead.rows[0].cells) cell.ariaSort = null;
      heading.ariaSort = ascending ? "ascending" : "descending";
      const numeric = column > 0 && [...body.rows].some((row) => !Number.isNaN(number(row, column)));
      const compare = (a, b) =>
        numeric
          ? (number(a, column) || 0) - (number(b, column) || 0)
          : text(a, column).localeCompare(text(b, column), undefined, { numeric: true });
      body.append(...[...body.rows].sort((a, b) => (ascending ? compare(a, b) : compare(b, a))));
    });
    heading.replaceChildren(button);
  });
}

for (const more of document.querySelectorAll(".more")) {
  const figure = more.closest("figure");
  const rows = figure.querySelectorAll("tbody tr").length;
  figure.classList.add("shortened");
  more.querySelector("span").textContent = `${more.dataset.shown} of ${rows.toLocaleString("en")} rows are shown.`;
  more.hidden = false;
  more.querySelector("button").addEventListener("click", () => {
    figure.classList.remove("shortened");
    more.remove();
  });
}

// A box that can be scrolled needs the focus of the keyboard, and a word that there is more.
const overflows = () => {
  for (const box of document.querySelectorAll(".scroll")) {
    box.classList.toggle("overflows", box.scrollWidth > box.clientWidth + 1);
  }
};
addEventListener("resize", overflows);
overflows();
