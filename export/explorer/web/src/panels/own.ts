/** A picture of the user's own: chosen, dropped or drawn, and encoded. */

import { arrow, clamp, context, find } from "../dom";
import type { Explorer } from "../explorer";
import { fit, InputError, paint, readPicture } from "../picture";

export function setUpOwn(explorer: Explorer): void {
  const { model } = explorer;
  if (!model.canEncode) return;
  const [height, width] = model.about.image_shape!;
  const seen = find<HTMLCanvasElement>("own-seen");
  seen.width = width;
  seen.height = height;
  const invert = find<HTMLInputElement>("invert");
  const said = find("own-status");
  const problem = find("own-problem");
  let picture: ImageBitmap | null = null;

  const encode = (image: Float32Array): void => {
    paint(seen, image, model.about.image_shape!);
    find("seen").hidden = false;
    explorer.encode(image);
  };

  const usePicture = (): void => {
    if (!picture) return;
    const { width: from, height: high } = picture;
    encode(fit(picture, from, high, model.about.image_shape!, invert.checked));
  };

  const open = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    problem.hidden = true;
    said.textContent = "";
    try {
      picture = await readPicture(file);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problem.textContent = error.message;
      problem.hidden = false;
      return;
    }
    const same = picture.width === width && picture.height === height;
    const cut = picture.width * height === picture.height * width ? "" : "cut to its middle and ";
    said.textContent = same
      ? `“${file.name}” has the model's size, ${width} × ${height} pixels.`
      : `“${file.name}” has ${picture.width} × ${picture.height} pixels: it was ${cut}scaled to ${width} × ${height}.`;
    usePicture();
  };

  const start = (job: Promise<void>): void => void job.catch(explorer.onError);

  const chooser = find<HTMLInputElement>("own-file");
  chooser.addEventListener("change", () => {
    start(open(chooser.files?.[0]));
    chooser.value = ""; // the same file may be chosen again
  });
  invert.addEventListener("change", usePicture);
  setUpDropping((file) => start(open(file)));
  setUpDrawing(explorer, (image) => {
    picture = null;
    problem.hidden = true;
    said.textContent = "";
    encode(image);
  });
  find("own").hidden = false;
}

/** Anywhere on the page: a file that misses a small area would replace the page. */
function setUpDropping(onFile: (file: File | undefined) => void): void {
  const area = find("drop");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    area.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) area.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    onFile(event.dataTransfer?.files[0]);
  });
}

/** A blackboard: pointer, or arrow keys and space. */
function setUpDrawing(explorer: Explorer, onImage: (image: Float32Array) => void): void {
  const shape = explorer.model.about.image_shape!;
  const [height, width, channels] = shape;
  const canvas = find<HTMLCanvasElement>("board");
  const colour = find<HTMLInputElement>("pen-colour");
  const scale = Math.max(1, Math.round(280 / Math.max(height, width)));
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.aspectRatio = `${width} / ${height}`;
  find("pen-field").hidden = channels !== 3;
  const ink = document.createElement("canvas");
  ink.width = canvas.width;
  ink.height = canvas.height;
  let at: [number, number] = [canvas.width / 2, canvas.height / 2];
  let isDown = false;
  let byKeys = false;

  const show = (): void => {
    const pen = context(canvas);
    pen.drawImage(ink, 0, 0);
    if (!byKeys || document.activeElement !== canvas) return;
    pen.beginPath();
    pen.arc(...at, 1.2 * scale, 0, 2 * Math.PI);
    pen.lineWidth = 2;
    pen.strokeStyle = isDown ? "#ff9d3b" : "#8ab4ff";
    pen.stroke();
  };
  const clear = (): void => {
    const pen = context(ink);
    pen.fillStyle = "black";
    pen.fillRect(0, 0, ink.width, ink.height);
    show();
  };
  const strokeTo = (x: number, y: number): void => {
    const pen = context(ink);
    pen.strokeStyle = channels === 3 ? colour.value : "white";
    pen.lineWidth = 0.085 * Math.max(canvas.width, canvas.height);
    pen.lineCap = "round";
    pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...at);
    pen.lineTo(x, y);
    pen.stroke();
    at = [x, y];
    show();
    onImage(fit(ink, ink.width, ink.height, shape));
  };
  const place = (event: PointerEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * canvas.width,
      ((event.clientY - box.top) / box.height) * canvas.height,
    ];
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    byKeys = false;
    at = place(event);
    strokeTo(...at);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) strokeTo(...place(event));
  });
  canvas.addEventListener("keydown", (event) => {
    const step = arrow(event);
    const pixels = event.shiftKey ? 4 : 1;
    if (step) {
      byKeys = true;
      const x = clamp(at[0] + step[0] * pixels * scale, 0, canvas.width);
      const y = clamp(at[1] + step[1] * pixels * scale, 0, canvas.height);
      if (isDown) strokeTo(x, y);
      else at = [x, y];
    } else if (event.key === " ") {
      byKeys = true;
      isDown = !isDown;
      if (isDown) strokeTo(...at);
    } else if (event.key === "Delete" || event.key === "Backspace") clear();
    else return;
    event.preventDefault();
    show();
  });
  canvas.addEventListener("blur", () => {
    isDown = false;
    show();
  });
  find("clear").addEventListener("click", clear);
  clear();
}
