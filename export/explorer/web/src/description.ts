/** What the page knows of its model: the JSON that export/explorer/describe.py writes. */

export interface Description {
  title: string;
  /** What to call `.sample` on, in Python. */
  python: string;
  /** Null of texts. */
  image_shape: [height: number, width: number, channels: number] | null;
  /** Null of images. */
  texts: Texts | null;
  /** Null where latents are codes. */
  latent_dim: number | null;
  codes: Codes | null;
  prior: { name: string; parameters: PriorParameters | null };
  /** Names of the labels; null for a model without classes. */
  classes: string[] | null;
  num_attributes: number | null;
  latents: Latents | null;
  /** Where latents are a ladder, in place of `latents`: its levels, coarsest first. */
  levels: Level[] | null;
  /** Which pieces of data make up which file. */
  files: Partial<Record<FileName, number[]>>;
}

export type FileName = "decoder" | "encoder" | "sampler" | "prior_step";

export interface Texts {
  /** Tokens of the longest. */
  length: number;
  /** What tokens stand for; null where only their numbers are known. */
  vocabulary: { kind: "words" | "bytes"; tokens: string[] } | null;
}

export interface Codes {
  size: number;
  /** Rows, columns and, of residual quantizers, levels. */
  shape: number[];
  /** Keys and values of the prior's layers, heads, size of a head; null without prior. */
  cache: [tensors: number, heads: number, headDim: number] | null;
}

export interface Latents {
  /** The latents, the most important first. */
  order: number[];
  /** How important each is, in the order of the model. */
  weight: number[];
  unit: "nats" | "change";
  /** Between these nearly all of the prior lies, and its mean. */
  low: number[];
  high: number[];
  centre: number[];
}

export interface Level {
  /** Its grid, such as "7x7". */
  name: string;
  groups: string[];
  /** Which part of the row of latents it is. */
  start: number;
  size: number;
}

export interface StoredArray {
  dtype: string;
  shape: number[];
  base64: string;
}

export type PriorParameters =
  | { mean: StoredArray; log_var: StoredArray; log_var_limit: number }
  | { layers: Record<string, StoredArray>[]; log_scale_limit: number };

/** A class, the values of attributes, or null for a model without labels. */
export type Label = number | Float32Array | null;

/** Rows of latent vectors or, as Int32Array, of codes. */
export type Latent = Float32Array | Int32Array;

/** Rows of pixels or, as Int32Array, of tokens. */
export type Made = Float32Array | Int32Array;

/** How many numbers a row of latents has. */
export function latentSize(about: Description): number {
  return about.codes ? product(about.codes.shape) : about.latent_dim!;
}

/** The middle of the latent space, of a ladder 0; of codes, the first of them everywhere. */
export function centreOf(about: Description): Latent {
  if (about.latents) return Float32Array.from(about.latents.centre);
  return about.codes ? new Int32Array(latentSize(about)) : new Float32Array(latentSize(about));
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}
