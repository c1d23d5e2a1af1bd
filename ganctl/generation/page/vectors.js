// Paths between latent vectors, as in ganctl/generation/walks.py, and vectors as text.

const dot = (a, b) => a.reduce((sum, value, index) => sum + value * b[index], 0);

/** The coordinate of a vector along a direction of length 1. */
export const along = dot;

/** A vector moved so that its coordinate along a direction is `value`. */
export function movedTo(vector, direction, value) {
  const step = value - dot(vector, direction);
  return vector.map((entry, index) => entry + step * direction[index]);
}

export const lerp = (a, b, share) => a.map((value, index) => (1 - share) * value + share * b[index]);

/** The point on the great circle between two vectors (White 2016, arXiv:1609.04468, section 2.1). */
export function slerp(a, b, share) {
  const lengths = Math.sqrt(dot(a, a) * dot(b, b));
  const angle = Math.acos(Math.min(1, Math.max(-1, dot(a, b) / Math.max(lengths, Number.MIN_VALUE))));
  const sine = Math.sin(angle);
  if (sine < 1e-6) return lerp(a, b, share);  // no unique great circle
  const before = Math.sin((1 - share) * angle) / sine, after = Math.sin(share * angle) / sine;
  return a.map((value, index) => before * value + after * b[index]);
}

/** A vector as text for a link: its float32 numbers, in base64 with the letters that links may hold. */
export function asText(vector) {
  const bytes = new Uint8Array(Float32Array.from(vector).buffer);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The vector of a text; null if it has another length, or contains NaN or infinity. */
export function fromText(text, length) {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), c => c.charCodeAt(0));
    const vector = new Float32Array(bytes.buffer);
    return vector.length === length && vector.every(Number.isFinite) ? vector : null;
  } catch {
    return null;
  }
}
