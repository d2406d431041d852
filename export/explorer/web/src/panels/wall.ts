/** 64 samples of a seed; each can be taken to the large image. */

import { arrow, clamp, find, make, whenSeen } from "../dom";
import type { Explorer } from "../explorer";
import type { Drawn } from "../model";
import { download, paint } from "../picture";

const SIDE = 8;
const COUNT = SIDE * SIDE;
/** Rows that codes are drawn for at a time: something to see before all are done. */
const ROWS_OF_CODES = 16;

export function setUpWall(explorer: Explorer): void {
  const { model } = explorer;
  if (!model.canSample) return;
  const { image_shape, title } = model.about;
  const [height, width] = image_shape!;
  const grid = find("wall-grid");
  const said = find("wall-status");
  const latents: (Drawn["latents"] | null)[] = new Array(COUNT).fill(null);
  let drawing = 0;
  let seed = explorer.seed;

  const cells = Array.from({ length: COUNT }, (_, i) => {
    const canvas = make("canvas", { width, height });
    const cell = make("button", { type: "button", tabIndex: i === 0 ? 0 : -1 }, canvas);
    cell.setAttribute("aria-label", `Sample ${i + 1}`);
    cell.addEventListener("click", () => {
      const latent = latents[i];
      if (latent) explorer.decode(latent.slice(), { kind: "wall", seed, row: i });
    });
    cell.addEventListener("focus", () => {
      for (const other of cells) other.tabIndex = other === cell ? 0 : -1;
    });
    return cell;
  });
  grid.append(...cells);
  grid.addEventListener("keydown", (event) => {
    const step = arrow(event);
    const i = cells.indexOf(document.activeElement as HTMLButtonElement);
    if (!step || i < 0) return;
    event.preventDefault();
    const column = clamp((i % SIDE) + step[0], 0, SIDE - 1);
    const row = clamp(Math.floor(i / SIDE) + step[1], 0, SIDE - 1);
    cells[row * SIDE + column].focus();
  });

  const show = (first: number, drawn: Drawn): void => {
    const count = drawn.images.length / (height * width * image_shape![2]);
    const size = drawn.latents.length / count;
    const pixels = drawn.images.length / count;
    for (let i = 0; i < count; i++) {
      latents[first + i] = drawn.latents.slice(i * size, (i + 1) * size);
      const image = drawn.images.subarray(i * pixels, (i + 1) * pixels);
      paint(cells[first + i].firstElementChild as HTMLCanvasElement, image, image_shape!);
    }
  };

  const fill = async (): Promise<void> => {
    const current = ++drawing;
    const draw = { seed: explorer.seed, temperature: explorer.temperature, label: explorer.label };
    seed = draw.seed;
    const begun = performance.now();
    said.textContent = "Drawing 64 samples…";
    grid.setAttribute("aria-busy", "true");
    if (!model.canStep) {
      const drawn = await model.sample({ ...draw, count: COUNT });
      if (current !== drawing) return;
      show(0, drawn);
    } else {
      for (let first = 0; first < COUNT; first += ROWS_OF_CODES) {
        let codes: Int32Array = new Int32Array(0);
        const rows = { ...draw, first, count: ROWS_OF_CODES };
        for await (const step of model.steps(rows)) {
          if (current !== drawing) return;
          codes = step.codes;
        }
        const images = await model.decode(codes, draw.label);
        if (current !== drawing) return;
        show(first, { images, latents: codes });
        said.textContent = `${first + ROWS_OF_CODES} of 64 samples drawn…`;
      }
    }
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    grid.setAttribute("aria-busy", "false");
    said.textContent = `64 samples of seed ${seed}, in ${seconds} s`;
  };

  const start = (): void => void fill().catch(explorer.onError);
  find("draw-wall").addEventListener("click", start);
  find("download-wall").addEventListener("click", () => {
    const whole = make("canvas", { width: SIDE * width, height: SIDE * height });
    const pen = whole.getContext("2d")!;
    cells.forEach((cell, i) => {
      const image = cell.firstElementChild as HTMLCanvasElement;
      pen.drawImage(image, (i % SIDE) * width, Math.floor(i / SIDE) * height);
    });
    download(whole, `${title}-wall-${seed}.png`);
  });
  find("wall").hidden = false;
  whenSeen(grid, start);
}
