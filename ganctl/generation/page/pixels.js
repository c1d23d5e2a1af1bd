// Between what networks take and make, numbers from -1 (black) to 1 (white), and what a canvas shows.

/** A number in [-1, 1] as a grey level, rounded as NumPy does: halves to the even neighbour. */
export function level(value) {
  const scaled = (value + 1) * 127.5, whole = Math.round(scaled);
  return Math.min(255, Math.max(0, whole - scaled === 0.5 && whole % 2 ? whole - 1 : whole));
}

/**
 * Image `number` of a batch, as a canvas takes it.
 *
 * Grey and the first of two bands are shown in grey, of more than three bands the first three. With alpha, the colours
 * were multiplied by it, which is undone here.
 */
export function asImage({data, shape}, number, alpha) {
  const [, height, width, channels] = shape, colours = channels - (alpha ? 1 : 0), pixels = height * width;
  const image = new ImageData(width, height), out = image.data;
  for (let pixel = 0, at = number * pixels * channels; pixel < pixels; pixel++, at += channels) {
    const opacity = alpha ? level(data[at + channels - 1]) : 255;
    for (let colour = 0; colour < 3; colour++) {
      const value = level(data[at + (colours < 3 ? 0 : colour)]);
      out[4 * pixel + colour] = alpha
        ? Math.min(255, Math.floor((value * 255 + (opacity >> 1)) / Math.max(opacity, 1))) : value;
    }
    out[4 * pixel + 3] = opacity;
  }
  return image;
}

/** What a network takes of a picture, [1, height, width, channels]; `alpha` as in `asImage`. */
export function asInput(image, channels, alpha) {
  const pixels = image.width * image.height, data = new Float32Array(pixels * channels);
  const colours = channels - (alpha ? 1 : 0);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const [red, green, blue, opacity] = image.data.subarray(4 * pixel, 4 * pixel + 4);
    // Luminance of ITU-R BT.601, as everywhere in ganctl.
    const grey = colours < 3 ? Math.round(0.299 * red + 0.587 * green + 0.114 * blue) : 0;
    for (let channel = 0; channel < channels; channel++) {
      let value = colours < 3 ? grey : [red, green, blue][Math.min(channel, 2)];
      if (alpha) value = channel === colours ? opacity : Math.floor((value * opacity + 127) / 255);
      data[pixel * channels + channel] = value / 127.5 - 1;
    }
  }
  return {data, shape: [1, image.height, image.width, channels]};
}

/** The largest whole factor by which a side fits into so many pixels of the page; 1 at least. */
export function wholeFactor(side, room) {
  return Math.max(1, Math.floor(room / side));
}

/** Shows a canvas enlarged, so that every pixel of the picture is a square without blur. */
export function enlarge(canvas, factor) {
  canvas.style.width = `${canvas.width * factor}px`;
  canvas.style.height = "auto";
}

/** Saves a canvas as a PNG. */
export function savePng(canvas, name) {
  canvas.toBlob(blob => {
    const link = Object.assign(document.createElement("a"), {href: URL.createObjectURL(blob), download: name});
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}
