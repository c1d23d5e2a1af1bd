// The noise of ganctl/game/noise.py, number for number: a pure function of a seed and a place, made by the counter-based
// Philox generator as TensorFlow runs it. The pictures of a seed are therefore those of `ganctl sample --seed`.
//
// Sources: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox 4x32, 10 rounds); RFC 7693 (BLAKE2b).

export const BATCH = 128;  // `ganctl sample` draws this many pictures from each key

const MASK = (1n << 64n) - 1n;
const WORDS = [
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
];
const ORDERS = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

const turned = (value, bits) => ((value >> bits) | (value << (64n - bits))) & MASK;

/** BLAKE2b with a digest of 8 bytes, of a text, as an unsigned number in little-endian order. */
export function blake2b8(text) {
  const bytes = new TextEncoder().encode(text);
  const state = [...WORDS];
  state[0] ^= 0x01010000n ^ 8n;
  const blocks = Math.max(1, Math.ceil(bytes.length / 128));
  for (let block = 0; block < blocks; block++) {
    const part = new Uint8Array(128);
    part.set(bytes.subarray(128 * block, 128 * (block + 1)));
    const view = new DataView(part.buffer);
    const message = Array.from({length: 16}, (_, index) => view.getBigUint64(8 * index, true));
    const last = block === blocks - 1;
    const v = [...state, ...WORDS];
    v[12] ^= BigInt(last ? bytes.length : 128 * (block + 1));
    if (last) v[14] ^= MASK;
    const mix = (a, b, c, d, x, y) => {
      v[a] = (v[a] + v[b] + x) & MASK;
      v[d] = turned(v[d] ^ v[a], 32n);
      v[c] = (v[c] + v[d]) & MASK;
      v[b] = turned(v[b] ^ v[c], 24n);
      v[a] = (v[a] + v[b] + y) & MASK;
      v[d] = turned(v[d] ^ v[a], 16n);
      v[c] = (v[c] + v[d]) & MASK;
      v[b] = turned(v[b] ^ v[c], 63n);
    };
    for (let round = 0; round < 12; round++) {
      const m = ORDERS[round % 10].map(index => message[index]);
      mix(0, 4, 8, 12, m[0], m[1]);
      mix(1, 5, 9, 13, m[2], m[3]);
      mix(2, 6, 10, 14, m[4], m[5]);
      mix(3, 7, 11, 15, m[6], m[7]);
      mix(0, 5, 10, 15, m[8], m[9]);
      mix(1, 6, 11, 12, m[10], m[11]);
      mix(2, 7, 8, 13, m[12], m[13]);
      mix(3, 4, 9, 14, m[14], m[15]);
    }
    for (let index = 0; index < 8; index++) state[index] ^= v[index] ^ v[index + 8];
  }
  return state[0];
}

/** The four random words that Philox makes of a counter (four words) and a key (two words). */
export function philox(counter, key) {
  let [a, b, c, d] = counter, [first, second] = key;
  for (let round = 0; round < 10; round++) {
    const [highA, lowA] = product(0xD2511F53, a), [highC, lowC] = product(0xCD9E8D57, c);
    [a, b, c, d] = [(highC ^ b ^ first) >>> 0, lowC, (highA ^ d ^ second) >>> 0, lowA];
    first = (first + 0x9E3779B9) >>> 0;
    second = (second + 0xBB67AE85) >>> 0;
  }
  return [a, b, c, d];
}

/** The high and the low word of the product of two unsigned words, which is too large for a JavaScript number. */
function product(x, y) {
  const low = x & 0xFFFF, high = x >>> 16, bottom = y & 0xFFFF, top = y >>> 16;
  const middle = high * bottom + ((low * bottom) >>> 16), carried = low * top + (middle & 0xFFFF);
  return [(high * top + Math.floor(middle / 0x10000) + (carried >>> 16) + (carried > 0xFFFFFFFF ? 0x10000 : 0)) >>> 0,
    Math.imul(x, y) >>> 0];
}

/** The random words of a place: `where` is text as Python writes it, `'sample', 'latent'`. */
export class Stream {
  constructor(seed, step, where) {
    const word = blake2b8(`(${seed}, ${where})`) >> 1n;
    const low = Number(word & 0xFFFFFFFFn), high = Number(word >> 32n);
    // As TensorFlow's StatelessRandomGetKeyCounter makes a key and a counter of two seeds.
    const mixed = philox([low, high, step >>> 0, Math.floor(step / 2 ** 32)], [0x3ec8f720, 0x02461e29]);
    this.key = mixed.slice(0, 2);
    this.counter = BigInt(mixed[2]) | (BigInt(mixed[3]) << 32n);
    this.blocks = new Map();
  }

  /** Word `index`, unsigned. */
  bits(index) {
    const number = Math.floor(index / 4);
    let block = this.blocks.get(number);
    if (!block) {
      // The number of the block is added to all 128 bits of the counter, whose lower half starts at 0.
      block = philox([number >>> 0, Math.floor(number / 2 ** 32), Number(this.counter & 0xFFFFFFFFn),
        Number(this.counter >> 32n)], this.key);
      this.blocks.set(number, block);
    }
    return block[index % 4];
  }

  /** Number `index`, uniform on [0, 1) in steps of 2^-23. */
  unit(index) {
    return (this.bits(index) & 0x7FFFFF) / 0x800000;
  }

  /** Number `index` from N(0, 1) (Box and Muller 1958). */
  normal(index) {
    const pair = index - index % 2;
    const length = Math.sqrt(-2 * Math.log(Math.max(this.unit(pair), 1e-7))), angle = 2 * Math.PI * this.unit(pair + 1);
    return Math.fround(length * (index % 2 ? Math.cos(angle) : Math.sin(angle)));
  }
}

/**
 * The latent vector of picture `index` of a seed, as `ganctl sample` draws it.
 *
 * input: the number of the latent input, 0 for the first; width: its length; truncation: null, or the bound outside
 * which entries of normal vectors are drawn anew (the truncation trick).
 */
export function latentVector(seed, index, {input, width, distribution, truncation = null}) {
  const where = input ? `'sample', 'latent input', ${input}` : "'sample'";
  const step = Math.floor(index / BATCH), start = (index % BATCH) * width;
  const stream = new Stream(seed, step, `${where}, 'latent'`);
  if (distribution !== "normal") return Float32Array.from({length: width}, (_, k) => 2 * stream.unit(start + k) - 1);
  const drawn = Float32Array.from({length: width}, (_, k) => stream.normal(start + k));
  if (truncation === null) return drawn;
  const again = new Stream(seed, step, `${where}, 'truncated latent'`), share = erf(truncation / Math.SQRT2);
  return drawn.map((value, k) => Math.abs(value) <= truncation ? value
    : Math.min(truncation, Math.max(-truncation, Math.SQRT2 * inverseErf(share * (2 * again.unit(start + k) - 1)))));
}

/** The error function, to the last digits of a double: its series near 0, its continued fraction elsewhere. */
export function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (size + fraction));
}

/** The inverse of the error function (Giles 2010, "Approximating the erfinv function"), refined by Newton's method. */
export function inverseErf(y) {
  if (y === 0) return 0;
  let w = -Math.log((1 - y) * (1 + y));
  const series = w < 5
    ? [2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
      0.246640727, 1.50140941]
    : [-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
      1.00167406, 2.83297682];
  w = w < 5 ? w - 2.5 : Math.sqrt(w) - 3;
  let x = y * series.reduce((sum, factor) => sum * w + factor, 0);
  for (let n = 0; n < 2; n++) x -= (erf(x) - y) * Math.sqrt(Math.PI) / 2 * Math.exp(x * x);
  return x;
}
