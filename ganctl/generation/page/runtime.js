// The networks of the page: unpacked from it, and run by ONNX Runtime's WebAssembly build.
//
// One thread and no worker: a page that was opened from disk may have neither. Nothing is fetched.

/** The bytes that an element of the page holds, gzip in base64. */
export async function unpacked(id) {
  const element = document.getElementById(id);
  const packed = Uint8Array.from(atob(element.textContent), character => character.charCodeAt(0));
  element.remove();  // megabytes of text that nobody reads again
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

let started = null;

/** Makes the runtime ready, once. */
function start() {
  started ??= (async () => {
    ort.env.wasm.wasmBinary = (await unpacked("wasm")).buffer;
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
  })();
  return started;
}

/** A network of the page. Its runs follow one another: the runtime allows one at a time. */
export class Network {
  constructor(facts, session) {
    this.facts = facts;
    this.session = session;
    this.last = Promise.resolve();
  }

  static async open(facts) {
    await start();
    const model = await unpacked(facts.model);
    return new Network(facts, await ort.InferenceSession.create(model, {executionProviders: ["wasm"]}));
  }

  /** What the network makes of inputs by name, {data, shape}, as {data, shape}. */
  run(inputs) {
    const feeds = {};
    for (const [name, {data, shape}] of Object.entries(inputs))
      feeds[name] = new ort.Tensor(data instanceof Int32Array ? "int32" : "float32", data, shape);
    const drawn = this.last.then(() => this.session.run(feeds)).then(found => found[this.facts.output]);
    this.last = drawn.catch(() => {});
    return drawn.then(({data, dims}) => ({data, shape: dims}));
  }
}

/**
 * Returns a function that asks for `work` to be done once more: soon, one at a time, and with what is newest then. While
 * a slider moves, what is out of date is never drawn.
 */
export function newest(work) {
  let busy = false, again = false;
  return async function ask() {
    again = true;
    if (busy) return;
    busy = true;
    try {
      while (again) {
        again = false;
        await new Promise(requestAnimationFrame);
        await work();
      }
    } finally {
      busy = false;
    }
  };
}
