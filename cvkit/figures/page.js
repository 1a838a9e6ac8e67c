// Sort and filter galleries, and sort tables by column. Without this script, all cards and rows are shown unsorted.

const plain = (text) => text.toLowerCase().replace(/\s+/g, " ");

for (const controls of document.querySelectorAll(".controls")) {
  const gallery = controls.closest(".gallery");
  const list = gallery.querySelector("ul");
  const cards = [...list.children].map((item) => ({
    item,
    values: item.dataset.values.split(" ").map(Number),
    labels: JSON.parse(item.dataset.labels),
    text: plain(item.textContent),
  }));
  const [order, ...filters] = controls.querySelectorAll("select");
  const query = controls.querySelector("input");

  const apply = () => {
    const words = plain(query.value).trim();
    let shown = 0;
    for (const { item, labels, text } of cards) {
      const chosen = filters.every((filter, i) => filter.value === "" || filter.value === labels[i]);
      item.hidden = !(chosen && text.includes(words));
      shown += !item.hidden;
    }
    controls.querySelector("output").textContent = `${shown} of ${cards.length} shown`;
    gallery.querySelector(".none").hidden = shown > 0;
  };
  const sort = () => {
    const key = order.selectedIndex;
    list.append(...[...cards].sort((a, b) => b.values[key] - a.values[key]).map((card) => card.item));
  };

  order.addEventListener("change", sort);
  controls.addEventListener("input", apply);
  controls.addEventListener("submit", (event) => event.preventDefault());
  // A form is reset after its event.
  controls.addEventListener("reset", () => setTimeout(() => { sort(); apply(); }));
  controls.hidden = false;
  apply();
}

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const text = (row, column) => row.cells[column].textContent;
  const number = (row, column) => Number.parseFloat(text(row, column).replace(/[<>,]/g, ""));
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
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
