/** The page's side of the worker: each request is a promise. */

import type { Reply, Request, Tensors } from "./protocol";

type Question = Request extends infer R ? (R extends unknown ? Omit<R, "id"> : never) : never;

export class Engine {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, PromiseWithReject>();
  private count = 0;

  /** @param code the worker's script. */
  constructor(code: ArrayBuffer) {
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    this.worker = new Worker(url);
    this.worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const promise = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data) promise?.reject(new Error(`The model cannot be run: ${data.error}`));
      else promise?.resolve(data.outputs);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      const error = new Error(`The model cannot be run: ${event.message}`);
      for (const promise of this.waiting.values()) promise.reject(error);
      this.waiting.clear();
    };
  }

  /** @param runtime onnxruntime's WebAssembly. */
  async start(runtime: ArrayBuffer): Promise<void> {
    await this.ask({ kind: "start", runtime }, [runtime]);
  }

  async load(file: string, bytes: ArrayBuffer): Promise<void> {
    await this.ask({ kind: "load", file, bytes }, [bytes]);
  }

  /** @param given buffers of inputs that the caller has no more use for. */
  run(file: string, inputs: Tensors, given: Transferable[] = []): Promise<Tensors> {
    return this.ask({ kind: "run", file, inputs }, given);
  }

  private ask(question: Question, transfer: Transferable[]): Promise<Tensors> {
    return new Promise((resolve, reject) => {
      const id = this.count++;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...question }, transfer);
    });
  }
}

interface PromiseWithReject {
  resolve: (outputs: Tensors) => void;
  reject: (error: Error) => void;
}
