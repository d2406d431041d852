/** The worker: onnxruntime and its sessions, apart from the page so that it never freezes. */

import * as ort from "onnxruntime-web/wasm";

import type { Reply, Request, Tensor, Tensors } from "./protocol";

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1;

const sessions = new Map<string, ort.InferenceSession>();

async function answer(request: Request): Promise<Tensors> {
  if (request.kind === "start") {
    ort.env.wasm.wasmBinary = request.runtime;
  } else if (request.kind === "load") {
    const options = { executionProviders: ["wasm"], logSeverityLevel: 3 as const };
    const session = await ort.InferenceSession.create(request.bytes, options);
    sessions.set(request.file, session);
  } else {
    const inputs: Record<string, ort.Tensor> = {};
    for (const [name, tensor] of Object.entries(request.inputs)) {
      inputs[name] = toOrt(tensor);
    }
    const outputs: Tensors = {};
    const results = await sessions.get(request.file)!.run(inputs);
    for (const [name, tensor] of Object.entries(results)) {
      outputs[name] = { data: tensor.data as Tensor["data"], dims: tensor.dims };
    }
    return outputs;
  }
  return {};
}

function toOrt({ data, dims }: Tensor): ort.Tensor {
  if (data instanceof Float32Array) return new ort.Tensor("float32", data, dims);
  if (data instanceof Int32Array) return new ort.Tensor("int32", data, dims);
  return new ort.Tensor("int64", data, dims);
}

// One request after the other, in the order in which they come.
let last: Promise<void> = Promise.resolve();

self.onmessage = ({ data: request }: MessageEvent<Request>) => {
  last = last.then(async () => {
    let reply: Reply;
    try {
      reply = { id: request.id, outputs: await answer(request) };
    } catch (error) {
      reply = { id: request.id, error: error instanceof Error ? error.message : String(error) };
    }
    const tensors = "outputs" in reply ? Object.values(reply.outputs) : [];
    self.postMessage(reply, { transfer: tensors.map(({ data }) => data.buffer) });
  });
};
