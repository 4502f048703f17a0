// LiteRT for the web, in Node: what the package asks of a page, and models of every element type.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runInThisContext } from "node:vm";

const TYPES = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array };

/** Loads @litertjs/core from `modules`, a node_modules folder. */
export async function loadLiteRt(modules) {
  const core = join(modules, "@litertjs", "core");
  const wasm = join(core, "wasm");
  globalThis.self = globalThis;
  globalThis.importScripts = (file) => runInThisContext(readFileSync(file, "utf8"), { filename: file });
  globalThis.require = createRequire(join(core, "package.json"));
  globalThis.__dirname = wasm; // where the script looks for its .wasm
  globalThis.Module = { print() {}, printErr() {} }; // it tells of every accelerator that it tries
  const { warn } = console;
  console.warn = () => {}; // that there is no WebGPU
  try {
    const { loadLiteRt, getDefaultEnvironment } = await import(pathToFileURL(join(core, "dist", "index.js")));
    const { liteRtWasm } = await loadLiteRt(wasm + "/");
    return { wasm: liteRtWasm, environment: getDefaultEnvironment().liteRtEnvironment };
  } finally {
    console.warn = warn;
  }
}

/**
 * A model: `await model.run(stored)` takes and gives numbers as the model stores them.
 *
 * It calls the layer under the package's own `Tensor`, which knows float32, int32 and uint8 but not int8.
 */
export async function compile({ wasm, environment }, bytes, manifest) {
  const place = wasm._malloc(bytes.length);
  wasm.HEAPU8.set(bytes, place);
  const model = wasm.loadModel(environment, place, bytes.length);
  const compiled = await wasm.compileModel(environment, model, { accelerator: "wasm", cpuOptions: { numThreads: 1 } });
  const type = model.getInputTensorType(0, 0);
  const { HOST_MEMORY } = wasm.LiteRtTensorBufferType;
  const { READ, WRITE } = wasm.LiteRtTensorBufferLockMode;
  const input = wasm.LiteRtTensorBuffer.createManaged(environment, HOST_MEMORY, type, type.bytes());
  const Given = TYPES[manifest.model.output.dtype];
  const outputs = manifest.model.output.shape.reduce((product, size) => product * size);
  return {
    async run(stored) {
      if (stored.byteLength !== type.bytes()) throw new Error(`${type.bytes()} bytes are needed, not ${stored.byteLength}`);
      const to = input.lock(WRITE);
      wasm.HEAPU8.set(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength), to);
      input.unlock();
      const [output] = await compiled.run(0, [input]);
      const from = output.lock(READ);
      const given = new Given(wasm.HEAPU8.slice(from, from + outputs * Given.BYTES_PER_ELEMENT).buffer);
      output.unlock();
      output.delete();
      return given;
    },
  };
}
