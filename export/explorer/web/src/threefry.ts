/**
 * The random numbers behind a seed: what zoo/threefry.py says, in words of
 * 32 bits. `>>> 0` drops what overflows.
 */

const ROUNDS = 20;
const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];
const PARITY = 0x1bd11bda;
/** Where the second words of the uniforms' counters begin. */
const FIRST_OF_UNIFORMS = 2 ** 31;

export const MAX_SEED = 2n ** 63n - 1n;

type Words = readonly [number, number];

/** Two random words for a counter: Threefry-2x32 with 20 rounds. */
export function threefry2x32(key: Words, counter: Words): Words {
  const words = [key[0], key[1], (key[0] ^ key[1] ^ PARITY) >>> 0];
  let x0 = (counter[0] + words[0]) >>> 0;
  let x1 = (counter[1] + words[1]) >>> 0;
  for (let i = 0; i < ROUNDS; i++) {
    const rotation = ROTATIONS[i % 8];
    x0 = (x0 + x1) >>> 0;
    x1 = (((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0) >>> 0;
    if (i % 4 === 3) {
      const s = (i + 1) / 4;
      x0 = (x0 + words[s % 3]) >>> 0;
      x1 = (x1 + words[(s + 1) % 3] + s) >>> 0;
    }
  }
  return [x0, x1];
}

/** Standard normal numbers (rows, columns), by Box and Muller. */
export function normals(seed: bigint, rows: number, columns: number): Float32Array {
  return fill(seed, rows, columns, 0, (a, b) => {
    const radius = Math.sqrt(-2 * Math.log((a + 1) * 2 ** -32));
    const angle = b * (2 * Math.PI * 2 ** -32);
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}

/** Numbers (rows, columns) spread evenly over [0, 1): multiples of 2**-24. */
export function uniforms(seed: bigint, rows: number, columns: number): Float32Array {
  return fill(seed, rows, columns, FIRST_OF_UNIFORMS, (a, b) => [
    (a >>> 8) * 2 ** -24,
    (b >>> 8) * 2 ** -24,
  ]);
}

function fill(
  seed: bigint,
  rows: number,
  columns: number,
  first: number,
  pairOf: (a: number, b: number) => Words,
): Float32Array {
  const key: Words = [Number(seed & 0xffffffffn), Number(seed >> 32n)];
  const numbers = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += 2) {
      const words = threefry2x32(key, [row, first + column / 2]);
      const [even, odd] = pairOf(...words);
      numbers[row * columns + column] = even;
      if (column + 1 < columns) numbers[row * columns + column + 1] = odd;
    }
  }
  return numbers;
}
