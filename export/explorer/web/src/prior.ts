/** From standard normal noise to latents: the priors of export/priors. */

import { fromBase64 } from "./assets";
import type { Description, Label, PriorParameters, StoredArray } from "./description";

/** A function from noise (rows, latent_dim) to latents, or null where none is known. */
export function readPrior(
  about: Description,
): ((noise: Float32Array, label: Label) => Float32Array) | null {
  const { name, parameters } = about.prior;
  if (name === "standard_normal") return (noise) => noise;
  if (name === "label_normal" && parameters && "mean" in parameters) {
    return labelNormal(parameters, about.latent_dim!);
  }
  if (["flow", "label_flow"].includes(name) && parameters && "layers" in parameters) {
    return flow(parameters, about.latent_dim!);
  }
  return null;
}

type LabelNormal = Extract<PriorParameters, { mean: StoredArray }>;
type Flow = Extract<PriorParameters, { layers: unknown }>;

function labelNormal(stored: LabelNormal, size: number) {
  const mean = readArray(stored.mean);
  const logVar = readArray(stored.log_var);
  const limit = stored.log_var_limit;
  return (noise: Float32Array, label: Label): Float32Array => {
    const means = ofLabel(mean, label, size);
    const deviations = ofLabel(logVar, label, size).map((value) =>
      Math.exp(0.5 * Math.min(Math.max(value, -limit), limit)),
    );
    return noise.map((value, i) => means[i % size] + deviations[i % size] * value);
  };
}

/** The row of a class, or the rows weighted by attributes. */
function ofLabel(table: Float32Array, label: Label, size: number): Float32Array {
  if (typeof label === "number") return table.subarray(label * size, (label + 1) * size);
  const weights = label ?? [];
  return Float32Array.from({ length: size }, (_, column) => {
    let sum = 0;
    for (let row = 0; row < weights.length; row++) {
      sum += weights[row] * table[row * size + column];
    }
    return sum;
  });
}

function flow(stored: Flow, size: number) {
  const limit = stored.log_scale_limit;
  const layers = stored.layers.map((layer) => ({
    fixed: readArray(layer.fixed),
    hidden: { kernel: readArray(layer.hidden_kernel), bias: readArray(layer.hidden_bias) },
    head: { kernel: readArray(layer.head_kernel), bias: readArray(layer.head_bias) },
    ofLabels: layer.label_kernel && readArray(layer.label_kernel),
    mixing: layer.mixing_kernel && {
      kernel: readArray(layer.mixing_kernel),
      bias: readArray(layer.mixing_bias!),
    },
  }));
  const transform = (noise: Float64Array, label: Label): Float64Array => {
    let z = noise;
    for (const { fixed, hidden, head, ofLabels, mixing } of layers) {
      const kept = z.map((value, i) => value * fixed[i]);
      const told = ofLabels && ofLabel(ofLabels, label, hidden.bias.length);
      const features = dense(kept, hidden).map((value, unit) =>
        Math.max(value + (told ? told[unit] : 0), 0),
      );
      const raw = dense(features, head);
      z = z.map((value, i) => {
        if (fixed[i] === 1) return value;
        const logScale = limit * Math.tanh(raw[i] / limit);
        return value * Math.exp(logScale) + raw[size + i];
      });
      if (mixing) z = dense(z, mixing);
    }
    return z;
  };
  return (noise: Float32Array, label: Label): Float32Array => {
    const latents = new Float32Array(noise.length);
    for (let start = 0; start < noise.length; start += size) {
      const row = Float64Array.from(noise.subarray(start, start + size));
      latents.set(transform(row, label), start);
    }
    return latents;
  };
}

/** A row through a dense layer, in double precision. */
function dense(
  row: Float64Array,
  { kernel, bias }: { kernel: Float32Array; bias: Float32Array },
): Float64Array {
  const units = bias.length;
  const result = Float64Array.from(bias);
  for (let i = 0; i < row.length; i++) {
    for (let unit = 0; unit < units; unit++) {
      result[unit] += row[i] * kernel[i * units + unit];
    }
  }
  return result;
}

/** A float32 array that export.runtime.golden.encode_array stored. */
function readArray(stored: StoredArray): Float32Array {
  if (stored.dtype !== "float32") throw new Error(`${stored.dtype} is not float32`);
  const view = new DataView(fromBase64(stored.base64));
  const length = view.byteLength / 4;
  return Float32Array.from({ length }, (_, i) => view.getFloat32(4 * i, true));
}
