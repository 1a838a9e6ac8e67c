// Sort, group, filter and shorten galleries, and enlarge their pictures. Without this script, all cards are shown.

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
  const all = gallery.querySelector(".all");
  let most = all ? Number(all.dataset.shown) : Infinity;

  const apply = () => {
    const words = plain(query.value).trim();
    const filtered = words !== "" || order.value === "group" || filters.some((filter) => filter.value !== "");
    const places = new Map([...list.children].map((item, place) => [item, place]));
    let shown = 0;
    for (const { item, labels, text } of [...cards].sort((a, b) => places.get(a.item) - places.get(b.item))) {
      const chosen = filters.every((filter, i) => filter.value === "" || filter.value === labels[i]);
      item.hidden = !(chosen && text.includes(words) && (filtered || shown < most));
      shown += !item.hidden;
    }
    if (all) all.hidden = filtered || most === Infinity;
    for (const heading of list.querySelectorAll(".pair")) {
      heading.hidden = !cards.some(({ item, labels }) => !item.hidden && labels.join() === heading.dataset.pair);
    }
    controls.querySelector("output").textContent = `${shown} of ${cards.length} shown`;
    gallery.querySelector(".none").hidden = shown > 0;
  };
  const grouped = () => {
    const pairs = Map.groupBy(cards, (card) => card.labels.join());
    return [...pairs].sort((a, b) => b[1].length - a[1].length).flatMap(([pair, members]) => {
      const heading = document.createElement("li");
      heading.className = "pair";
      heading.dataset.pair = pair;
      const names = members[0].labels.map((label, i) => `${controls.querySelectorAll("label")[i + 1].firstChild.data.trim()}: ${label}`);
      heading.textContent = `${names.join(", ")} (${members.length})`;
      return [heading, ...members.map((card) => card.item)];
    });
  };
  const sort = () => {
    for (const heading of list.querySelectorAll(".pair")) heading.remove();
    const key = order.selectedIndex;
    const sorted = order.value === "group"
      ? grouped()
      : [...cards].sort((a, b) => b.values[key] - a.values[key]).map((card) => card.item);
    list.append(...sorted);
    apply();
  };

  all?.addEventListener("click", () => {
    most = Infinity;
    apply();
  });
  order.addEventListener("change", sort);
  controls.addEventListener("input", apply);
  controls.addEventListener("submit", (event) => event.preventDefault());
  // A form is reset after its event.
  controls.addEventListener("reset", () => setTimeout(sort));
  controls.hidden = false;
  apply();
}

const enlarged = document.createElement("dialog");
enlarged.id = "enlarged";
enlarged.setAttribute("aria-label", "Enlarged pictures");
document.body.append(enlarged);
enlarged.addEventListener("click", () => enlarged.close());

for (const button of document.querySelectorAll(".enlarge")) {
  button.addEventListener("click", () => {
    const card = button.closest("li");
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "Close";
    const pictures = card.querySelector(".pictures").cloneNode(true);
    for (const inner of pictures.querySelectorAll("button")) inner.replaceWith(...inner.childNodes);
    enlarged.className = button.closest(".gallery").classList.contains("pixelated") ? "pixelated" : "";
    enlarged.replaceChildren(close, pictures, card.querySelector(".about > div").cloneNode(true));
    enlarged.showModal();
  });
}
