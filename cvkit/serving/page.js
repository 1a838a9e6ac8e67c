const at = (id) => document.getElementById(id);
const percent = (value) => `${(100 * value).toFixed(1)} %`;
let latest = 0; // the number of the last image, so that a slow answer for an earlier one is dropped

async function ask(path, body) {
  const answer = await fetch(path, body ? { method: "POST", body } : {});
  const found = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Error(found.error);
  return found;
}

const about = ask("model");

function say(text, isError = false) {
  at("status").textContent = text;
  at("status").classList.toggle("error", isError);
}

function show(image, url, alt) {
  image.onload = () => image.classList.toggle("small", image.naturalWidth < 128);
  image.src = url;
  image.alt = alt;
}

function classes(found) {
  at("classes").replaceChildren(...found.predictions.map((one) => {
    const row = document.createElement("li"), name = document.createElement("span"), value = document.createElement("span");
    const bar = document.createElement("progress");
    name.textContent = one.class;
    value.textContent = percent(one.probability);
    bar.max = 1;
    bar.value = one.probability;
    bar.setAttribute("aria-label", `${one.class}: ${percent(one.probability)}`);
    row.append(name, value, bar);
    return row;
  }));
}

async function take(file) {
  if (!file) return;
  const number = ++latest;
  say("Predicting ...");
  at("result").hidden = true;
  try {
    const found = await ask("predict?top=5", file);
    if (number !== latest) return;
    const verdict = found.declined ? "The model declines: it is not sure enough" : found.labels.join(", ") || "No label";
    at("verdict").textContent = verdict;
    classes(found);
    const name = file.name || "pasted image";
    show(at("shown"), URL.createObjectURL(file), `The image that was predicted: ${name}`);
    at("shown-name").textContent = name;
    at("mapped").hidden = true;
    at("warnings").textContent = "";
    at("result").hidden = false;
    if (!(await about).maps) {
      say("");
      return;
    }
    say("Drawing the map ...");
    const map = await ask(`explain?class=${encodeURIComponent(found.predictions[0].class)}`, file);
    if (number !== latest) return;
    const text = `${map.method} for ${map.class}`;
    show(at("map"), map.map, `The parts of the image that support ${map.class}, by ${map.method}`);
    at("map-name").textContent = text;
    at("warnings").textContent = map.warnings.join(" ");
    at("mapped").hidden = false;
    say("");
  } catch (error) {
    if (number === latest) say(error.message, true);
  }
}

at("file").addEventListener("change", () => take(at("file").files[0]));
document.addEventListener("paste", (event) => take([...event.clipboardData.files][0]));
document.addEventListener("dragover", (event) => { event.preventDefault(); at("drop").classList.add("over"); });
document.addEventListener("dragleave", () => at("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  take(event.dataTransfer.files[0]);
});

const model = await about;
document.title = at("name").textContent = model.name;
at("about").textContent = model.summary;
at("notes").textContent = model.notes.map((note) => `${note[0].toUpperCase()}${note.slice(1)}.`).join(" ");
