/** The exported model: what export.Sampler offers in Python. */

import type { Files } from "./assets";
import { choose } from "./codes";
import {
  type Description,
  type FileName,
  type Label,
  type Latent,
  latentSize,
  type Made,
  product,
} from "./description";
import type { Engine } from "./engine";
import { readPrior } from "./prior";
import type { Tensor, Tensors } from "./protocol";
import { normals, uniforms } from "./threefry";

export interface Draw {
  count: number;
  /** The first row, where rows before it are drawn elsewhere; only for codes. */
  first?: number;
  seed: bigint;
  temperature: number;
  label: Label;
}

export interface Drawn {
  /** Of a model of texts, tokens. */
  images: Made;
  latents: Latent;
}

export class Model {
  private readonly loaded = new Map<FileName, Promise<void>>();
  private readonly prior: ReturnType<typeof readPrior>;

  constructor(
    readonly about: Description,
    private readonly engine: Engine,
    private readonly files: Files,
  ) {
    this.prior = about.codes ? null : readPrior(about);
  }

  get canSample(): boolean {
    // A latent does not say which tokens are drawn.
    return this.has("sampler") || this.canStep || (this.prior !== null && !this.about.texts);
  }

  /** Whether codes can be drawn one at a time. */
  get canStep(): boolean {
    return this.has("prior_step");
  }

  get canEncode(): boolean {
    return this.has("encoder");
  }

  get isConditional(): boolean {
    return this.about.classes !== null || this.about.num_attributes !== null;
  }

  /** Draws images from the prior: those of Python's `sample`. */
  async sample(draw: Draw): Promise<Drawn> {
    const { count, seed, temperature, label } = draw;
    if (this.has("sampler")) {
      const outputs = await this.run("sampler", {
        seed: scalar(BigInt64Array.of(seed)),
        num_samples: scalar(BigInt64Array.of(BigInt(count))),
        temperature: scalar(Float32Array.of(temperature)),
        ...this.labels(label, count),
      });
      const latents = (outputs.codes ?? outputs.z).data as Latent;
      return { images: (outputs.image ?? outputs.tokens).data as Made, latents };
    }
    let latents: Latent;
    if (this.about.codes) {
      latents = new Int32Array(0);
      for await (const step of this.steps(draw)) latents = step.codes;
    } else {
      const noise = normals(seed, count, latentSize(this.about));
      const scale = Math.fround(temperature);
      latents = this.prior!(noise.map((value) => value * scale), label);
    }
    return { images: await this.decode(latents, label), latents };
  }

  /** The expected images of latents, or the most probable tokens. */
  async decode(latents: Latent, label: Label): Promise<Made> {
    const { about } = this;
    const count = latents.length / latentSize(about);
    const inputs: Tensors = about.codes
      ? { codes: { data: latents, dims: [count, ...about.codes.shape] } }
      : { z: { data: latents, dims: [count, about.latent_dim!] }, ...this.labels(label, count) };
    const { image, tokens } = await this.run("decoder", inputs);
    return (image ?? tokens).data as Made;
  }

  /** The mean of the posterior of an image, or its most probable codes. */
  async encode(image: Float32Array, label: Label): Promise<Latent> {
    const inputs = { image: { data: image, dims: [1, ...this.about.image_shape!] } };
    if (this.about.codes) return (await this.run("encoder", inputs)).codes.data as Latent;
    const outputs = await this.run("encoder", { ...inputs, ...this.labels(label, 1) });
    return outputs.mean.data as Latent;
  }

  /**
   * Draws codes one place after another, all rows at once.
   *
   * @yields the codes so far and how many places of each row are done. The array is one
   *   and the same each time.
   */
  async *steps({ count, first = 0, seed, temperature, label }: Draw): AsyncGenerator<Step> {
    const { shape, cache } = this.about.codes!;
    const [tensors, heads, headDim] = cache!;
    const places = product(shape);
    const numbers = uniforms(seed, first + count, places).subarray(first * places);
    const labels = this.labels(label, count);
    const codes = new Int32Array(count * places);
    const column = new Float32Array(count);
    let code: Int32Array = new Int32Array(count);
    let kept: Tensor = { data: new Float32Array(0), dims: [count, tensors, heads, 0, headDim] };
    for (let place = 0; place < places; place++) {
      const inputs = { code: { data: code, dims: [count] }, cache: kept, ...labels };
      // The cache is large, and wanted only where it goes.
      const outputs = await this.run("prior_step", inputs, [kept.data.buffer]);
      kept = outputs.new_cache;
      for (let row = 0; row < count; row++) column[row] = numbers[row * places + place];
      code = choose(outputs.logits.data as Float32Array, column, temperature);
      for (let row = 0; row < count; row++) codes[row * places + place] = code[row];
      yield { codes, done: place + 1 };
    }
  }

  private has(file: FileName): boolean {
    return this.files.has(file);
  }

  private async run(file: FileName, inputs: Tensors, given?: Transferable[]) {
    let loading = this.loaded.get(file);
    if (!loading) {
      loading = this.files.read(file).then((bytes) => this.engine.load(file, bytes));
      this.loaded.set(file, loading);
    }
    await loading;
    return this.engine.run(file, inputs, given);
  }

  private labels(label: Label, count: number): Tensors {
    if (label === null) return {};
    if (typeof label === "number") {
      return { labels: { data: new Int32Array(count).fill(label), dims: [count] } };
    }
    const data = new Float32Array(count * label.length);
    for (let row = 0; row < count; row++) data.set(label, row * label.length);
    return { labels: { data, dims: [count, label.length] } };
  }
}

export interface Step {
  codes: Int32Array;
  done: number;
}

function scalar(data: Tensor["data"]): Tensor {
  return { data, dims: [] };
}
