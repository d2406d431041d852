/** The image, and what it is drawn from: seed, temperature and label. */

import type { Texts } from "../description";
import { find, make } from "../dom";
import type { Explorer, Origin, Shown } from "../explorer";
import { download, paint } from "../picture";
import { NO_TEXT, toText } from "../texts";
import { MAX_SEED } from "../threefry";

/** New samples get seeds below this: short enough to copy by hand. */
const SHORT_SEEDS = 1_000_000;

export function setUpStage(explorer: Explorer): void {
  const { model } = explorer;
  const show = model.about.texts ? showTexts(model.about.texts) : showImages(explorer);
  find("sampling").hidden = !model.canSample;

  explorer.onChange((shown) => {
    const said = describe(explorer, shown);
    show(shown, said);
    // While codes are drawn, only what begins and ends it is worth reading aloud.
    const { origin } = shown;
    const status = origin.kind === "drawing" ? `Drawing the codes of seed ${origin.seed}…` : said;
    if (find("status").textContent !== status) find("status").textContent = status;
    showPython(explorer, shown);
  });

  setUpLabels(explorer);
  setUpSeed(explorer);
  setUpTemperature(explorer);
}

type Show = (shown: Shown, said: string) => void;

function showImages(explorer: Explorer): Show {
  const { image_shape, title } = explorer.model.about;
  const [height, width] = image_shape!;
  const canvas = find<HTMLCanvasElement>("image");
  canvas.width = width;
  canvas.height = height;
  find("download").addEventListener("click", () => {
    if (explorer.shown) download(canvas, `${title}-${fileEnding(explorer.shown.origin)}.png`);
  });
  return (shown, said) => {
    paint(canvas, shown.image, image_shape!);
    canvas.setAttribute("aria-label", said);
  };
}

function showTexts(texts: Texts): Show {
  const field = find("text");
  find("image").hidden = find("download").hidden = true;
  field.hidden = false;
  find("stage-title").textContent = "The text";
  find("new-sample").textContent = "New sentence";
  return (shown) => {
    field.textContent = toText(shown.image, texts) || NO_TEXT;
  };
}

function setUpSeed(explorer: Explorer): void {
  const field = find<HTMLInputElement>("seed");
  const problem = find("seed-problem");
  const read = (): void => {
    const text = field.value.trim();
    const good = /^\d{1,19}$/.test(text) && BigInt(text) <= MAX_SEED;
    field.setAttribute("aria-invalid", String(!good));
    problem.hidden = good;
    if (!good) return;
    explorer.seed = BigInt(text);
    explorer.draw();
  };
  problem.textContent = `A seed is a whole number from 0 to ${MAX_SEED}.`;
  field.addEventListener("input", read);
  find("sampling").addEventListener("submit", (event) => {
    event.preventDefault();
    read();
  });
  find("new-sample").addEventListener("click", () => {
    const [random] = crypto.getRandomValues(new Uint32Array(1));
    field.value = String(random % SHORT_SEEDS);
    read();
  });
}

function setUpTemperature(explorer: Explorer): void {
  const field = find<HTMLInputElement>("temperature");
  field.addEventListener("input", () => {
    explorer.temperature = field.valueAsNumber;
    find("temperature-value").textContent = field.valueAsNumber.toFixed(2);
    explorer.draw();
  });
}

function setUpLabels(explorer: Explorer): void {
  const { classes, num_attributes } = explorer.model.about;
  if (classes) {
    const field = find<HTMLSelectElement>("label");
    field.append(...classes.map((name, i) => make("option", { value: String(i) }, name)));
    find("label-field").hidden = false;
    field.addEventListener("change", () => explorer.relabel(Number(field.value)));
  } else if (num_attributes) {
    const values = new Float32Array(num_attributes);
    const fields = Array.from(values, (_, i) => {
      const output = make("output", {}, "0.00");
      const id = `attribute-${i}`;
      const range = make("input", { id, type: "range", min: "0", max: "1", step: "0.01", value: "0" });
      range.addEventListener("input", () => {
        values[i] = range.valueAsNumber;
        output.textContent = values[i].toFixed(2);
        explorer.relabel(values.slice());
      });
      const name = make("label", { htmlFor: id }, `Attribute ${i}`);
      return make("div", { className: "slider" }, name, output, range);
    });
    find("attributes").append(...fields);
    find("attributes").hidden = false;
  }
}

function describe(explorer: Explorer, { origin, latent, label }: Shown): string {
  const { about } = explorer.model;
  const of = typeof label === "number" && about.classes ? `, label ${about.classes[label]}` : "";
  switch (origin.kind) {
    case "sample": {
      const warmth = origin.temperature === 1 ? "" : `, temperature ${origin.temperature}`;
      return `Sample of seed ${origin.seed}${of}${warmth}`;
    }
    case "drawing":
      return `Seed ${origin.seed}: ${origin.done} of ${latent.length} codes drawn`;
    case "wall":
      if (about.texts) return `Sentence ${origin.row + 1} of seed ${origin.seed}${of}`;
      return `Sample ${origin.row + 1} of the wall of seed ${origin.seed}${of}`;
    case "edited":
      return about.codes ? "Codes set by hand" : `Latents set by hand${of}`;
    case "between":
      return `${Math.round(100 * origin.share)} % of the way from one sentence to the other${of}`;
    case "blend":
      return `A blend of the four corners${of}`;
    case "centre":
      return about.codes ? "The first code everywhere" : `The middle of the latents${of}`;
    case "own":
      return `What the model makes of your picture${of}`;
  }
}

/** A line that gives the same image in Python. */
function showPython(explorer: Explorer, { origin, label }: Shown): void {
  const field = find("python");
  field.parentElement!.hidden = origin.kind !== "sample" && origin.kind !== "wall";
  if (field.parentElement!.hidden) return;
  const { seed } = origin as { seed: bigint };
  const row = origin.kind === "wall" ? origin.row : 0;
  const { temperature } = origin.kind === "sample" ? origin : explorer;
  const words = [String(row + 1)];
  if (typeof label === "number") words.push(`labels=${label}`);
  else if (label) words.push(`labels=[${Array.from(label, (value) => value.toFixed(2)).join(", ")}]`);
  if (temperature !== 1) words.push(`temperature=${temperature}`);
  words.push(`seed=${seed}`);
  field.textContent = `${explorer.model.about.python}.sample(${words.join(", ")})[${row}]`;
}

function fileEnding(origin: Origin): string {
  return "seed" in origin ? String(origin.seed) : origin.kind;
}
