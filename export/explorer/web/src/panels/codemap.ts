/** The grid of codes: seen, edited, and drawn one after another. */

import { product } from "../description";
import { arrow, clamp, context, find } from "../dom";
import type { Explorer } from "../explorer";

/** How long the drawing of all codes takes at least, for people to see it. */
const WATCHING_MS = 3000;
const GAP = 0.5;

export function setUpCodeMap(explorer: Explorer): void {
  const { about } = explorer.model;
  if (!about.codes) return;
  const { size, shape } = about.codes;
  const [rows, columns, levels = 1] = shape;
  const canvas = find<HTMLCanvasElement>("code-map");
  const field = find<HTMLInputElement>("code");
  const place = find("code-place");
  const wide = columns * levels + GAP * (levels - 1);
  const cell = Math.max(12, Math.floor(560 / wide));
  canvas.width = Math.round(wide * cell);
  canvas.height = rows * cell;
  field.max = String(size - 1);
  find("code-limit").textContent = `0 to ${size - 1}`;
  let [row, column, level] = [0, 0, 0];
  const index = (): number => (row * columns + column) * levels + level;
  const left = (c: number, l: number): number => Math.round((l * (columns + GAP) + c) * cell);

  const render = (): void => {
    const shown = explorer.shown;
    if (!shown) return;
    const pen = context(canvas);
    const done = shown.origin.kind === "drawing" ? shown.origin.done : shown.latent.length;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.font = `${Math.round(cell * 0.36)}px system-ui, sans-serif`;
    for (let i = 0; i < done; i++) {
      const [r, c, l] = [Math.floor(i / (columns * levels)), Math.floor(i / levels) % columns, i % levels];
      const code = shown.latent[i];
      pen.fillStyle = colour(code);
      pen.fillRect(left(c, l) + 1, r * cell + 1, cell - 2, cell - 2);
      if (cell >= 28) {
        pen.fillStyle = "#111";
        pen.fillText(String(code), left(c, l) + cell / 2, r * cell + cell / 2);
      }
    }
    pen.lineWidth = Math.max(3, cell / 10);
    pen.strokeStyle = getComputedStyle(canvas).color;
    const inset = pen.lineWidth / 2;
    pen.strokeRect(left(column, level) + inset, row * cell + inset, cell - 2 * inset, cell - 2 * inset);
    const code = shown.latent[index()];
    const where = `Row ${row + 1}, column ${column + 1}${levels > 1 ? `, level ${level + 1}` : ""}`;
    place.textContent = where;
    canvas.setAttribute("aria-valuetext", `${where}: code ${code}`);
    canvas.setAttribute("aria-valuenow", String(index()));
    if (shown.origin.kind !== "edited" || document.activeElement !== field) field.value = String(code);
  };

  const move = (across: number, down: number): void => {
    const total = clamp(level * columns + column + across, 0, columns * levels - 1);
    [level, column] = [Math.floor(total / columns), total % columns];
    row = clamp(row + down, 0, rows - 1);
    render();
  };

  canvas.setAttribute("aria-valuemin", "0");
  canvas.setAttribute("aria-valuemax", String(product(shape) - 1));
  canvas.addEventListener("keydown", (event) => {
    const step = arrow(event);
    if (!step) return;
    event.preventDefault();
    move(...step);
  });
  canvas.addEventListener("pointerdown", (event) => {
    const x = (event.offsetX / canvas.clientWidth) * canvas.width;
    const y = (event.offsetY / canvas.clientHeight) * canvas.height;
    level = clamp(Math.floor(x / ((columns + GAP) * cell)), 0, levels - 1);
    column = clamp(Math.floor((x - left(0, level)) / cell), 0, columns - 1);
    row = clamp(Math.floor(y / cell), 0, rows - 1);
    render();
  });
  field.addEventListener("input", () => {
    const code = field.valueAsNumber;
    const good = Number.isInteger(code) && code >= 0 && code < size;
    field.setAttribute("aria-invalid", String(!good));
    if (!good || !explorer.shown) return;
    explorer.edit(index(), code);
  });
  const watch = find<HTMLButtonElement>("watch");
  watch.hidden = !explorer.model.canStep;
  watch.addEventListener("click", () => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    explorer.watch(calm ? 0 : WATCHING_MS);
  });
  explorer.onChange(render);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
  find("codes").hidden = false;
}

/** Neighbouring codes get colours far apart, all light enough for dark figures. */
function colour(code: number): string {
  return `hsl(${(code * 137.508) % 360} ${55 + (code % 3) * 12}% ${68 + (code % 4) * 5}%)`;
}
