/** Sentences of a seed, and those between two: each can be taken to the stage. */

import type { Latent, Texts } from "../description";
import { find, make, whenSeen } from "../dom";
import type { Explorer, Origin } from "../explorer";
import { mix, weightsAt } from "../mix";
import { NO_TEXT, toTexts } from "../texts";

/** Sentences of the list. */
const COUNT = 16;
/** Of the way between two, both ends among them. */
const STEPS = 9;

export function setUpSentences(explorer: Explorer): void {
  const { texts } = explorer.model.about;
  if (!texts || !explorer.model.canSample) return;
  setUpList(explorer, texts);
  setUpBetween(explorer, texts);
}

function setUpList(explorer: Explorer, texts: Texts): void {
  const list = find("sentence-list");
  const said = find("sentences-status");
  let drawing = 0;

  const fill = async (): Promise<void> => {
    const current = ++drawing;
    const { seed, temperature, label } = explorer;
    said.textContent = `Drawing ${COUNT} sentences…`;
    const begun = performance.now();
    const drawn = await explorer.model.sample({ count: COUNT, seed, temperature, label });
    if (current !== drawing) return;
    const size = drawn.latents.length / COUNT;
    const rows = toTexts(drawn.images, texts).map((text, row) => {
      const latent = drawn.latents.slice(row * size, (row + 1) * size);
      const image = drawn.images.slice(row * texts.length, (row + 1) * texts.length);
      const origin: Origin = { kind: "wall", seed, row };
      return line(text, () => explorer.show({ image, latent, label, origin }));
    });
    list.replaceChildren(...rows);
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    said.textContent = `${COUNT} sentences of seed ${seed}, in ${seconds} s`;
  };

  const start = (): void => void fill().catch(explorer.onError);
  find("draw-sentences").addEventListener("click", start);
  find("sentences").hidden = false;
  whenSeen(list, start);
}

function setUpBetween(explorer: Explorer, texts: Texts): void {
  const list = find("between-list");
  const { about } = explorer.model;
  let ends: Latent[] = [];
  let drawing = 0;

  const fill = async (): Promise<void> => {
    const current = ++drawing;
    const { label } = explorer;
    const shares = Array.from({ length: STEPS }, (_, i) => i / (STEPS - 1));
    const latents = shares.map((share) => between(share));
    const size = latents[0].length;
    const all = new Float32Array(STEPS * size);
    latents.forEach((latent, i) => all.set(latent, i * size));
    const tokens = await explorer.model.decode(all, label);
    if (current !== drawing) return;
    const rows = toTexts(tokens, texts).map((text, i) => {
      const image = tokens.slice(i * texts.length, (i + 1) * texts.length);
      const origin: Origin = { kind: "between", share: shares[i] };
      return line(text, () => explorer.show({ image, latent: latents[i], label, origin }));
    });
    list.replaceChildren(...rows);
  };

  const between = (share: number): Latent => {
    const [one, other] = ends;
    return mix(about, [one, other, one, other], weightsAt(share, 0));
  };

  const draw = async (seed: bigint): Promise<void> => {
    const { label } = explorer;
    const { latents } = await explorer.model.sample({ count: 2, seed, temperature: 1, label });
    const size = latents.length / 2;
    ends = [latents.slice(0, size), latents.slice(size)];
    await fill();
  };

  const start = (job: Promise<void>): void => void job.catch(explorer.onError);
  find("new-ends").addEventListener("click", () => {
    start(draw(BigInt(crypto.getRandomValues(new Uint32Array(1))[0])));
  });
  ["from-here", "to-here"].forEach((name, end) => {
    find(name).addEventListener("click", () => {
      if (!explorer.shown || !ends.length) return;
      ends[end] = explorer.shown.latent.slice();
      start(fill());
    });
  });
  find("between").hidden = false;
  whenSeen(list, () => start(draw(explorer.seed)));
}

/** A line of a list, to be pressed. */
function line(text: string, onClick: () => void): HTMLElement {
  const button = make("button", { type: "button" }, text || NO_TEXT);
  button.addEventListener("click", onClick);
  return make("li", {}, button);
}
