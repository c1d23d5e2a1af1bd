// Prints the operations of all models in FOLDER/models.json that the runtime in FOLDER/package can load, as JSON.
import {readFileSync} from "node:fs";

const folder = process.argv[2];
const ort = await import(`${folder}/package/dist/ort.wasm.bundle.min.mjs`);
ort.env.wasm.wasmBinary = readFileSync(`${folder}/package/dist/ort-wasm-simd-threaded.wasm`).buffer;
ort.env.wasm.numThreads = 1;
const found = new Set();
for (const {path, operations} of JSON.parse(readFileSync(`${folder}/models.json`, "utf8"))) {
  try {
    const model = new Uint8Array(readFileSync(path));
    const session = await ort.InferenceSession.create(model, {executionProviders: ["wasm"], logSeverityLevel: 4});
    await session.release();
    for (const operation of operations) found.add(operation);
  } catch {
    // It has no code for one of them.
  }
}
console.log("\n" + JSON.stringify([...found]));
