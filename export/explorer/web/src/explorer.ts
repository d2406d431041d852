/** What is shown, and where it comes from: the state that all panels share. */

import { centreOf, type Label, type Latent, latentSize, type Made } from "./description";
import { Latest } from "./latest";
import type { Model } from "./model";

export type Origin =
  | { kind: "sample"; seed: bigint; temperature: number }
  | { kind: "drawing"; seed: bigint; done: number }
  | { kind: "wall"; seed: bigint; row: number }
  | { kind: "between"; share: number }
  | { kind: "edited" | "blend" | "centre" | "own" };

export interface Shown {
  /** Of a model of texts, its tokens. */
  image: Made;
  latent: Latent;
  label: Label;
  origin: Origin;
}

/** Grids with more codes take long to draw: they are shown on the way. */
const MANY_CODES = 128;
/** How often an unfinished grid is shown, at most: its image takes time, too. */
const SHOW_EVERY_MS = 50;

export class Explorer {
  seed = 0n;
  temperature = 1;
  label: Label;
  /** What is on the screen; null until there is a first image. */
  shown: Shown | null = null;

  /** Resolves when there is something to look at. */
  readonly begun: Promise<void>;

  private readonly work: Latest;
  private readonly listeners: ((shown: Shown) => void)[] = [];
  /** The latent last asked for, which may not be shown yet. */
  private wanted: Latent | null = null;
  private own: Float32Array | null = null;

  constructor(
    readonly model: Model,
    readonly onError: (error: unknown) => void,
  ) {
    const { classes, num_attributes } = model.about;
    this.label = classes ? 0 : num_attributes ? new Float32Array(num_attributes) : null;
    this.work = new Latest(onError);
    this.begun = new Promise((resolve) => this.onChange(() => resolve()));
  }

  onChange(listener: (shown: Shown) => void): void {
    this.listeners.push(listener);
  }

  /** Shows the image of the seed, at the temperature and label that are set. */
  draw(): void {
    if (this.model.canStep && latentSize(this.model.about) > MANY_CODES) return this.watch(0);
    const { seed, temperature, label } = this;
    this.work.run(async () => {
      const { images, latents } = await this.model.sample({ count: 1, seed, temperature, label });
      const origin = { kind: "sample", seed, temperature } as const;
      this.publish({ image: images, latent: latents, label, origin });
    });
  }

  /**
   * The same, one code at a time.
   *
   * @param least milliseconds that it takes at least, for people to see it.
   */
  watch(least: number): void {
    const { seed, temperature, label } = this;
    this.work.run(async () => {
      const drawing = this.model.steps({ count: 1, seed, temperature, label });
      const begun = performance.now();
      let before = -Infinity;
      for await (const { codes, done } of drawing) {
        if (this.work.isOutdated) return;
        const wait = begun + (least * done) / codes.length - performance.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        if (done < codes.length && performance.now() - before < SHOW_EVERY_MS) continue;
        before = performance.now();
        const latent = codes.slice();
        const image = await this.model.decode(latent, label);
        const origin: Origin =
          done < codes.length
            ? { kind: "drawing", seed, done }
            : { kind: "sample", seed, temperature };
        this.publish({ image, latent, label, origin });
      }
    });
  }

  /** Draws a latent of a new seed, at temperature 1: for parts of it. */
  async drawLatent(): Promise<Latent> {
    const [random] = crypto.getRandomValues(new Uint32Array(1));
    const draw = { count: 1, seed: BigInt(random), temperature: 1, label: this.label };
    return (await this.model.sample(draw)).latents;
  }

  /**
   * Shows the image of a latent that is made when its turn comes.
   *
   * One job, of making and of showing: were the showing a second one, it would take the
   * place of what was asked for while the first ran.
   */
  decodeMade(make: () => Latent | Promise<Latent>, origin: Origin): void {
    const { label } = this;
    this.work.run(async () => {
      const latent = await make();
      this.publish({ image: await this.model.decode(latent, label), latent, label, origin });
    });
  }

  /** Shows the image of a latent. */
  decode(latent: Latent, origin: Origin): void {
    this.wanted = latent;
    this.decodeMade(() => latent, origin);
  }

  /** Shows what is there already. */
  show(shown: Shown): void {
    this.work.run(async () => this.publish(shown));
  }

  /** Changes one number of the latent. */
  edit(index: number, value: number): void {
    if (!this.wanted) return;
    const latent = this.wanted.slice();
    latent[index] = value;
    this.decode(latent, { kind: "edited" });
  }

  /** Shows what the model makes of an image. */
  encode(image: Float32Array): void {
    const { label } = this;
    this.own = image;
    this.work.run(async () => {
      const latent = await this.model.encode(image, label);
      const decoded = await this.model.decode(latent, label);
      this.publish({ image: decoded, latent, label, origin: { kind: "own" } });
    });
  }

  /** Shows the same under another label. */
  relabel(label: Label): void {
    this.label = label;
    const kind = this.shown?.origin.kind;
    if (kind === "own" && this.own) this.encode(this.own);
    else if (this.shown && kind !== "sample" && kind !== "drawing" && !this.model.about.codes) {
      this.decode(this.shown.latent, this.shown.origin);
    } else if (this.model.canSample) this.draw();
  }

  /** Something to look at first. */
  begin(): void {
    if (this.model.canSample) this.draw();
    else this.decode(this.centre(), { kind: "centre" });
  }

  centre(): Latent {
    return centreOf(this.model.about);
  }

  settled(): Promise<void> {
    return this.work.settled();
  }

  private publish(shown: Shown): void {
    this.shown = shown;
    if (!this.work.isOutdated) this.wanted = shown.latent;
    for (const listener of this.listeners) listener(shown);
  }
}
