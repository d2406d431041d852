/** Choosing codes by uniform numbers: what export/priors/codes.py does. */

/** What a temperature of 0 is taken for: the most probable code, but for exact ties. */
const LEAST_TEMPERATURE = Math.fround(1e-6);

/**
 * Draws a code a row, by inverting its distribution function.
 *
 * @param logits (rows, size).
 * @param uniforms one number in [0, 1) a row.
 * @param temperature divides the logits, >= 0.
 */
export function choose(
  logits: Float32Array,
  uniforms: Float32Array,
  temperature: number,
): Int32Array {
  const rows = uniforms.length;
  const size = logits.length / rows;
  const divisor = Math.max(Math.fround(temperature), LEAST_TEMPERATURE);
  const codes = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const scaled = logits
      .subarray(row * size, (row + 1) * size)
      .map((logit) => logit / divisor);
    const most = scaled.reduce((a, b) => Math.max(a, b));
    let sum = 0;
    const below = Float64Array.from(scaled, (value) => (sum += Math.exp(value - most)));
    codes[row] = below.filter((value) => value <= uniforms[row] * sum).length;
  }
  return codes;
}
