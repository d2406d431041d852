/** Blends of four latents. */

import { centreOf, type Description, type Latent } from "./description";
import { uniforms } from "./threefry";

/** What each corner counts at a place of the unit square: top, then bottom, from left. */
export function weightsAt(x: number, y: number): number[] {
  return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
}

/**
 * A blend of latents.
 *
 * Around the prior's mean, independent latents are summed so that their variance stays:
 * plain averages of them would all lie near the middle, where images are dull. Codes have
 * no averages: each place takes its code from one corner, fixed by a number of its own.
 */
export function mix(about: Description, corners: readonly Latent[], weights: readonly number[]): Latent {
  const blend = corners[0].slice();
  if (about.codes) {
    const numbers = uniforms(0n, 1, blend.length);
    for (let i = 0; i < blend.length; i++) {
      let corner = 0;
      let below = weights[0];
      while (corner < 3 && numbers[i] >= below) below += weights[++corner];
      blend[i] = corners[corner][i];
    }
    return blend;
  }
  const length = Math.hypot(...weights);
  const centre = centreOf(about);
  for (let i = 0; i < blend.length; i++) {
    const sum = weights.reduce((s, weight, k) => s + weight * (corners[k][i] - centre[i]), 0);
    blend[i] = centre[i] + sum / length;
  }
  return blend;
}
