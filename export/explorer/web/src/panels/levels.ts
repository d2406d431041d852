/** The levels of a ladder: each drawn anew, or made stronger and weaker, by itself. */

import type { Level } from "../description";
import { find, make } from "../dom";
import type { Explorer } from "../explorer";

export function setUpLevels(explorer: Explorer): void {
  const { levels } = explorer.model.about;
  if (!levels) return;
  /** The latent before any change here, and after the draws here. */
  let unedited: Float32Array | null = null;
  let drawn = new Float32Array(0);

  const scaled = (): Float32Array => {
    const latent = drawn.slice();
    levels.forEach(({ start, size }, i) => {
      for (let at = start; at < start + size; at++) latent[at] *= rows[i].factor.valueAsNumber;
    });
    return latent;
  };
  const show = (): void => {
    if (unedited) explorer.decodeMade(scaled, { kind: "edited" });
  };
  const rows = levels.map((level) => {
    const { start, size } = level;
    const row = makeRow(level, show, () => {
      if (!unedited) return;
      explorer.decodeMade(async () => {
        const before = drawn;
        const latent = await explorer.drawLatent();
        if (drawn === before) drawn.set(latent.slice(start, start + size), start); // else undone
        return scaled();
      }, { kind: "edited" });
    });
    row.draw.hidden = !explorer.model.canSample;
    return row;
  });
  const reset = (): void => {
    if (!unedited) return;
    drawn = unedited.slice();
    for (const row of rows) row.reset();
  };
  find("levels-list").append(...rows.map((row) => row.element));
  find("undo-levels").addEventListener("click", () => {
    reset();
    show();
  });
  explorer.onChange(({ latent, origin }) => {
    if (origin.kind === "edited") return;
    unedited = Float32Array.from(latent);
    reset();
  });
  find("levels").hidden = false;
}

interface Row {
  element: HTMLElement;
  factor: HTMLInputElement;
  draw: HTMLButtonElement;
  reset(): void;
}

function makeRow(
  { name, groups }: Level,
  onFactor: () => void,
  onDraw: () => void,
): Row {
  const grid = name.replace("x", " × ");
  const factor = make("input", { id: `level-${name}`, type: "range", min: "0", max: "1.5", step: "0.05", value: "1" });
  const output = make("output");
  const told = groups.length === 1 ? "" : `${groups.length} groups`;
  const label = make("label", { htmlFor: factor.id }, `${grid} `, make("small", {}, told));
  const draw = make("button", { type: "button", ariaLabel: `New draw of ${grid}` }, "New draw");
  const showFactor = (): void => {
    output.textContent = `× ${factor.valueAsNumber.toFixed(2)}`;
  };
  factor.addEventListener("input", () => {
    showFactor();
    onFactor();
  });
  draw.addEventListener("click", onDraw);
  showFactor();
  const slider = make("div", { className: "slider" }, label, output, factor);
  return {
    element: make("div", {}, slider, draw),
    factor,
    draw,
    reset() {
      factor.value = "1";
      showFactor();
    },
  };
}
