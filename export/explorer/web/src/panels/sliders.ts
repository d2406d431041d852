/** A slider for each latent, the most important first. */

import type { Latents } from "../description";
import { find, make } from "../dom";
import type { Explorer } from "../explorer";

const FIRST = 12;
const MORE = 24;

export function setUpSliders(explorer: Explorer): void {
  const { latents } = explorer.model.about;
  if (!latents) return;
  const list = find("sliders");
  const more = find<HTMLButtonElement>("more-sliders");
  const sliders: Slider[] = [];
  let unedited: Float32Array | null = null;

  const grow = (count: number): Slider[] => {
    const added = latents.order
      .slice(sliders.length, sliders.length + count)
      .map((index) => makeSlider(explorer, latents, index));
    sliders.push(...added);
    list.append(...added.map((slider) => slider.element));
    const left = latents.order.length - sliders.length;
    more.hidden = left === 0;
    more.textContent = `${Math.min(MORE, left)} more of ${left}`;
    return added;
  };

  grow(FIRST);
  more.addEventListener("click", () => {
    const added = grow(MORE);
    if (explorer.shown) for (const slider of added) slider.show(explorer.shown.latent);
    added[0].input.focus();
  });
  find("unedit").addEventListener("click", () => {
    if (unedited) explorer.decode(unedited, { kind: "edited" });
  });
  find("to-centre").addEventListener("click", () => {
    explorer.decode(explorer.centre(), { kind: "centre" });
  });
  explorer.onChange(({ latent, origin }) => {
    if (origin.kind !== "edited") unedited = latent as Float32Array;
    for (const slider of sliders) slider.show(latent);
  });
  find("latents-order").textContent =
    latents.unit === "nats"
      ? "The first tell most of an image: beside each, its nats, averaged over test images."
      : "The first change the image most: the bars compare how much.";
  find("latents").hidden = false;
}

interface Slider {
  element: HTMLElement;
  input: HTMLInputElement;
  show(latent: ArrayLike<number>): void;
}

function makeSlider(explorer: Explorer, latents: Latents, index: number): Slider {
  const weight = latents.weight[index];
  const most = latents.weight[latents.order[0]];
  const input = make("input", { type: "range", step: "0.01" });
  const output = make("output");
  const share = make("span", { className: "share", ariaHidden: "true" });
  share.style.setProperty("--share", String(most > 0 ? weight / most : 0));
  const name = make("span", {}, `Latent ${index}`);
  if (latents.unit === "nats") {
    name.append(" ", make("small", {}, `${weight.toFixed(2)} nats`));
  }
  const element = make("label", { className: "slider" }, name, output, input, share);
  input.addEventListener("input", () => {
    output.textContent = input.valueAsNumber.toFixed(2);
    const latent = explorer.shown!.latent.slice();
    latent[index] = input.valueAsNumber;
    explorer.shown!.latent = latent; // other sliders, moved meanwhile, are kept
    explorer.decode(latent, { kind: "edited" });
  });
  return {
    element,
    input,
    show(latent) {
      const value = latent[index];
      // A latent of the user's may lie beyond what the prior is likely to give.
      input.min = String(Math.min(latents.low[index], Math.floor(value * 10) / 10));
      input.max = String(Math.max(latents.high[index], Math.ceil(value * 10) / 10));
      if (document.activeElement !== input) input.value = String(value);
      output.textContent = value.toFixed(2);
    },
  };
}
