/** A slider for each latent, the most important first. */

import type { Latent, Latents } from "../description";
import { find, make } from "../dom";
import type { Explorer, Shown } from "../explorer";

const FIRST = 12;
const MORE = 24;

export function setUpSliders(explorer: Explorer): void {
  const { latents, texts } = explorer.model.about;
  if (!latents) return;
  const one = texts ? "a text" : "an image";
  const list = find("sliders");
  const more = find<HTMLButtonElement>("more-sliders");
  const sliders: Slider[] = [];
  let unedited: Latent | null = null;

  const grow = (count: number): Slider[] => {
    const added = latents.order
      .slice(sliders.length, sliders.length + count)
      .map((index) => makeSlider(explorer, latents, index));
    sliders.push(...added);
    list.append(...added.map((slider) => slider.element));
    const left = latents.order.length - sliders.length;
    more.hidden = left === 0;
    more.textContent = left > MORE ? `Show ${MORE} more of ${left}` : `Show the other ${left}`;
    return added;
  };

  grow(FIRST);
  more.addEventListener("click", () => {
    const added = grow(MORE);
    if (explorer.shown) for (const slider of added) slider.show(explorer.shown);
    added[0].input.focus();
  });
  find("unedit").addEventListener("click", () => {
    if (unedited) explorer.decode(unedited, { kind: "edited" });
  });
  find("to-centre").addEventListener("click", () => {
    explorer.decode(explorer.centre(), { kind: "centre" });
  });
  explorer.onChange((shown) => {
    if (shown.origin.kind !== "edited") unedited = shown.latent;
    for (const slider of sliders) slider.show(shown);
  });
  find("latents-order").textContent =
    latents.unit === "nats"
      ? `The first tell most of ${one}: beside each, its nats, averaged over the test set.`
      : `The first change ${one} most: the bars compare how much.`;
  if (texts) find("latents-order").append(" Once one is moved, the most probable text of them is shown.");
  find("latents").hidden = false;
}

interface Slider {
  element: HTMLElement;
  input: HTMLInputElement;
  show(shown: Shown): void;
}

function makeSlider(explorer: Explorer, latents: Latents, index: number): Slider {
  const weight = latents.weight[index];
  const most = latents.weight[latents.order[0]];
  const id = `latent-${index}`;
  const input = make("input", { id, type: "range", step: "0.01" });
  const output = make("output");
  const name = make("label", { htmlFor: id }, `Latent ${index} `);
  if (latents.unit === "nats") name.append(make("small", {}, `${weight.toFixed(2)} nats`));
  else {
    const share = make("span", { className: "share", ariaHidden: "true" });
    share.style.setProperty("--share", String(most > 0 ? weight / most : 0));
    name.append(share);
  }
  const element = make("div", { className: "slider" }, name, output, input);
  input.addEventListener("input", () => {
    output.textContent = input.valueAsNumber.toFixed(2);
    explorer.edit(index, input.valueAsNumber);
  });
  return {
    element,
    input,
    show({ latent, origin }) {
      const value = latent[index];
      // A latent of the user's may lie beyond what the prior is likely to give.
      input.min = String(Math.min(latents.low[index], Math.floor(value * 10) / 10));
      input.max = String(Math.max(latents.high[index], Math.ceil(value * 10) / 10));
      // While it is dragged, what is shown lags behind it.
      if (origin.kind === "edited" && document.activeElement === input) return;
      input.value = String(value);
      output.textContent = value.toFixed(2);
    },
  };
}
