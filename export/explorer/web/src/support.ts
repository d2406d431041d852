/** What a browser must have; said in one sentence where it has not. */

// (module (func i32.const 0 i8x16.splat drop))
const USES_SIMD = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00], // one type: a function of nothing
  ...[0x03, 0x02, 0x01, 0x00], // one function, of that type
  ...[0x0a, 0x09, 0x01, 0x07, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x1a, 0x0b], // its code
]);

const UPDATE = "open it in a current version of Chrome, Edge, Firefox or Safari.";

export function whatIsMissing(): string | null {
  if (typeof WebAssembly !== "object") {
    return `This page cannot run its model, because this browser has no WebAssembly: ${UPDATE}`;
  }
  if (!WebAssembly.validate(USES_SIMD)) {
    return `This page cannot run its model, because this browser's WebAssembly has no SIMD: ${UPDATE}`;
  }
  if (typeof DecompressionStream !== "function" || typeof Worker !== "function") {
    return `This page cannot unpack its model, because this browser is too old: ${UPDATE}`;
  }
  return null;
}
