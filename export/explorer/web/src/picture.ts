/** Between images as the model has them, floats in [0, 1], and pixels. */

import type { Made } from "./description";
import { context } from "./dom";

export type Shape = readonly [height: number, width: number, channels: number];

/** A problem with what the user gave, to be shown as it is. */
export class InputError extends Error {}

const MOST_PIXELS = 64e6;
const LEAST_SIDE = 4;

/** Draws an image at a place of a canvas, one pixel each. */
export function paint(
  canvas: HTMLCanvasElement,
  image: Made,
  [height, width, channels]: Shape,
  left = 0,
  top = 0,
): void {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      pixels.data[4 * i + c] = Math.round(255 * image[i * channels + (channels === 3 ? c : 0)]);
    }
    pixels.data[4 * i + 3] = 255;
  }
  context(canvas).putImageData(pixels, left, top);
}

/** A picture's middle, of the model's aspect ratio, scaled to the model's size. */
export function fit(
  source: CanvasImageSource,
  sourceWidth: number,
  sourceHeight: number,
  [height, width, channels]: Shape,
  invert = false,
): Float32Array {
  const scale = Math.max(width / sourceWidth, height / sourceHeight);
  const [cutWidth, cutHeight] = [width / scale, height / scale];
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const pen = context(canvas);
  pen.fillStyle = "white"; // the paper behind what is transparent, as for training
  pen.fillRect(0, 0, width, height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(
    source,
    (sourceWidth - cutWidth) / 2,
    (sourceHeight - cutHeight) / 2,
    cutWidth,
    cutHeight,
    0,
    0,
    width,
    height,
  );
  const { data } = pen.getImageData(0, 0, width, height);
  const image = new Float32Array(height * width * channels);
  for (let i = 0; i < height * width; i++) {
    const [red, green, blue] = data.subarray(4 * i, 4 * i + 3);
    const values =
      channels === 3 ? [red, green, blue] : [0.299 * red + 0.587 * green + 0.114 * blue];
    values.forEach((value, c) => {
      image[i * channels + c] = invert ? 1 - value / 255 : value / 255;
    });
  }
  return image;
}

/**
 * A picture that the user chose, whatever its format.
 *
 * @throws InputError with a sentence, if it cannot be used.
 */
export async function readPicture(file: File): Promise<ImageBitmap> {
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new InputError(
      `“${file.name}” cannot be read as a picture: give a PNG, JPEG, WebP or GIF file.`,
    );
  }
  const size = `${picture.width} × ${picture.height} pixels`;
  if (Math.min(picture.width, picture.height) < LEAST_SIDE) {
    throw new InputError(
      `“${file.name}” is too small, ${size}: give a picture of at least ${LEAST_SIDE} × ${LEAST_SIDE}.`,
    );
  }
  if (picture.width * picture.height > MOST_PIXELS) {
    throw new InputError(
      `“${file.name}” is too large, ${size}: give a picture of at most ${MOST_PIXELS / 1e6} million pixels.`,
    );
  }
  return picture;
}

/** Saves a canvas as a PNG, each pixel as a square of pixels if they are few. */
export function download(canvas: HTMLCanvasElement, name: string): void {
  const factor = Math.max(1, Math.floor(512 / Math.max(canvas.width, canvas.height)));
  const large = document.createElement("canvas");
  large.width = canvas.width * factor;
  large.height = canvas.height * factor;
  const pen = context(large);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(canvas, 0, 0, large.width, large.height);
  large.toBlob((blob) => {
    if (!blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }, "image/png");
}
