/** The pad that blends four corner images. */

import type { Latent } from "../description";
import { arrow, clamp, find, whenSeen } from "../dom";
import type { Explorer } from "../explorer";
import { mix, weightsAt } from "../mix";
import { paint } from "../picture";

/** Images a side of the map behind the pad. */
const SIDE = 7;
const CORNERS = ["top\u00a0left", "top\u00a0right", "bottom\u00a0left", "bottom\u00a0right"];

export function setUpPad(explorer: Explorer): void {
  const { model } = explorer;
  if (!model.canSample) return;
  const { image_shape, codes } = model.about;
  const [height, width] = image_shape!;
  const pad = find("pad");
  const canvas = find<HTMLCanvasElement>("pad-map");
  const handle = find("pad-handle");
  canvas.width = SIDE * width;
  canvas.height = SIDE * height;
  let corners: Latent[] = [];
  let at: [number, number] = [0.5, 0.5];
  let drawings = 0;

  const blend = (x: number, y: number): Latent => mix(model.about, corners, weightsAt(x, y));

  const drawMap = async (): Promise<void> => {
    const drawing = ++drawings;
    pad.setAttribute("aria-busy", "true");
    for (let row = 0; row < SIDE; row++) {
      const latents = Array.from({ length: SIDE }, (_, column) =>
        blend(column / (SIDE - 1), row / (SIDE - 1)),
      );
      const images = await model.decode(concatenate(latents), explorer.label);
      if (drawing !== drawings) return; // other corners meanwhile
      const size = images.length / SIDE;
      for (let column = 0; column < SIDE; column++) {
        const image = images.subarray(column * size, (column + 1) * size);
        paint(canvas, image, image_shape!, column * width, row * height);
      }
    }
    pad.setAttribute("aria-busy", "false");
  };

  const place = (): void => {
    // The handle stays over the images: their centres are the ends of its way.
    handle.style.left = `${((at[0] * (SIDE - 1) + 0.5) / SIDE) * 100}%`;
    handle.style.top = `${((at[1] * (SIDE - 1) + 0.5) / SIDE) * 100}%`;
    const shares = weightsAt(...at).map((weight, i) => `${Math.round(100 * weight)}\u00a0%\u00a0${CORNERS[i]}`);
    pad.setAttribute("aria-valuenow", String(Math.round(100 * at[0])));
    pad.setAttribute("aria-valuetext", shares.join(", "));
    find("pad-shares").textContent = shares.join(" · ");
  };

  const move = (x: number, y: number): void => {
    if (!corners.length) return;
    at = [clamp(x, 0, 1), clamp(y, 0, 1)];
    place();
    explorer.decode(blend(...at), { kind: "blend" });
  };

  const newCorners = async (seed: bigint): Promise<void> => {
    const { label } = explorer;
    const { latents } = await model.sample({ count: 4, seed, temperature: 1, label });
    const size = latents.length / 4;
    corners = CORNERS.map((_, i) => latents.slice(i * size, (i + 1) * size));
    await drawMap();
  };

  const start = (job: Promise<void>): void => void job.catch(explorer.onError);

  const follow = (event: PointerEvent): void => {
    const box = pad.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    move((x * SIDE - 0.5) / (SIDE - 1), (y * SIDE - 0.5) / (SIDE - 1));
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    follow(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (pad.hasPointerCapture(event.pointerId)) follow(event);
  });
  pad.addEventListener("keydown", (event) => {
    const step = arrow(event);
    if (step) {
      const far = event.shiftKey ? 0.25 : 0.05;
      move(at[0] + far * step[0], at[1] + far * step[1]);
    } else if (event.key === "Home") move(0, 0);
    else if (event.key === "End") move(1, 1);
    else return;
    event.preventDefault();
  });

  find("new-corners").addEventListener("click", () => {
    start(newCorners(BigInt(crypto.getRandomValues(new Uint32Array(1))[0])));
  });
  CORNERS.forEach((name, i) => {
    find(`corner-${i}`).addEventListener("click", () => {
      if (!explorer.shown || !corners.length) return;
      corners[i] = explorer.shown.latent.slice();
      find("status").textContent = `The image is now the ${name} corner of the pad`;
      start(drawMap());
    });
  });
  let label = explorer.label;
  explorer.onChange((shown) => {
    if (shown.label === label) return;
    label = shown.label;
    if (corners.length) start(drawMap());
  });
  if (codes) {
    find("blend-about").textContent =
      "Codes cannot be averaged: each place takes its code from one of the corners, in these shares.";
  }
  find("blend").hidden = false;
  place();
  whenSeen(pad, () => start(newCorners(explorer.seed)));
}

function concatenate(latents: Latent[]): Latent {
  const size = latents[0].length;
  const Kind = latents[0].constructor as new (length: number) => Latent;
  const all = new Kind(size * latents.length);
  latents.forEach((latent, i) => all.set(latent, i * size));
  return all;
}
