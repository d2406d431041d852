// Runs exported files in JavaScript: in a browser, which imports `answer`, and in Node.
//
// node replay.mjs PACKAGE FOLDER CASES ANSWERS: a line of JSON in, one out.

const ARRAYS = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array };

function decode(ort, { dtype, shape, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new ort.Tensor(dtype, new ARRAYS[dtype](bytes.buffer), shape);
}

function encode({ type, data, dims }) {
  const bytes = new Uint8Array(data.slice().buffer);
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return { dtype: type, shape: dims, base64: btoa(text) };
}

/** What a file gives for its inputs, or how it is refused. */
export async function answer(ort, provider, bytes, { inputs, outputs }) {
  try {
    const options = { executionProviders: [provider] };
    const session = await ort.InferenceSession.create(bytes, options);
    const feeds = Object.entries(inputs).map(([name, array]) => [name, decode(ort, array)]);
    const got = await session.run(Object.fromEntries(feeds), Object.keys(outputs));
    await session.release();
    const arrays = Object.entries(got).map(([name, tensor]) => [name, encode(tensor)]);
    return { outputs: Object.fromEntries(arrays) };
  } catch (error) {
    return { refused: String(error?.message ?? error) };
  }
}

if (typeof process === "object") {
  const [name, folder, cases, answers] = process.argv.slice(2);
  const { createRequire } = await import("node:module");
  const { appendFileSync, readFileSync, writeFileSync } = await import("node:fs");
  const ort = createRequire(`${folder}/`)(name);
  ort.env.logLevel = "error";
  const provider = name === "onnxruntime-web" ? "wasm" : "cpu";
  if (provider === "wasm") ort.env.wasm.numThreads = 1;
  writeFileSync(answers, "");
  for (const line of readFileSync(cases, "utf8").split("\n").filter(Boolean)) {
    const one = JSON.parse(line);
    const found = await answer(ort, provider, readFileSync(one.path), one);
    // At once: what crashes leaves the answers before it.
    appendFileSync(answers, `${JSON.stringify(found)}\n`);
  }
  process.exit(); // whatever a runtime has left running
}
