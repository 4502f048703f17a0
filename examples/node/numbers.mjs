// What the training data went through, done to raw numbers; and to what the model stores and back. Same bits as in Python.
import { Unusable } from "./content.mjs";

const LIMITS = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767] };
const ARRAYS = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array };

/** A function from raw numbers of one row to a Float32Array. Throws for preprocessing that is not known here. */
export function preprocessing(manifest) {
  const operations = manifest.preprocessing.filter(({ op }) => op !== "window"); // windows are cut by `windows`
  for (const { op, mean, std } of operations)
    if (op !== "standardize" || [...mean, ...std].some((value) => typeof value !== "number"))
      throw new Unusable(`the bundle asks for the preprocessing ${op}, which this example does not know`);
  const windowed = operations.length < manifest.preprocessing.length;
  return (row) => {
    let values = windowed ? row.map(Math.fround) : row; // windows are kept as float32
    for (const { mean, std, clip } of operations) {
      const limit = clip == null ? Infinity : Math.fround(clip);
      values = values.map((value, at) => {
        const scaled = Math.fround((value - mean[at % mean.length]) / std[at % std.length]);
        return Math.min(Math.max(scaled, -limit), limit);
      });
    }
    return Float32Array.from(values);
  };
}

/** Float32 numbers as the model stores them. */
export function toStored(values, { dtype, quantization }) {
  if (!quantization) return values;
  const [low, high] = LIMITS[dtype];
  const scale = Math.fround(quantization.scale);
  return ARRAYS[dtype].from(values, (value) => {
    const scaled = even(Math.fround(Math.fround(value / scale) + quantization.zero_point));
    return Math.min(Math.max(scaled, low), high);
  });
}

/** What is meant by what the model gave. */
export function fromStored(stored, { quantization }) {
  if (!quantization) return stored;
  const scale = Math.fround(quantization.scale);
  return Float32Array.from(stored, (value) => (value - quantization.zero_point) * scale);
}

/** The nearest whole number, of two the even one. */
function even(value) {
  const down = Math.floor(value);
  const over = value - down;
  return over > 0.5 || (over === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

/** Rows of raw numbers from lines of numbers under a line of names; a sensor's samples are cut to windows. */
export function rows(csv, manifest) {
  const [names, ...lines] = csv.trim().split(/\r?\n/).map((line) => line.split(",").map((cell) => cell.trim()));
  const table = lines.map((line) => line.map(Number));
  const values = manifest.model.input.shape.reduce((product, size) => product * size);
  const window = manifest.preprocessing.find(({ op }) => op === "window");
  const wanted = window ? window.channels : manifest.features;
  const places = wanted.map((name) => names.indexOf(name));
  if (places.includes(-1)) {
    if (names.length === values) return table.map((row, at) => ({ at, row })); // a picture's pixels, say
    throw new Unusable(`the columns ${wanted.filter((name) => !names.includes(name)).join(", ")} are missing`);
  }
  const picked = table.map((row) => places.map((place) => row[place]));
  if (!window) return picked.map((row, at) => ({ at, row }));
  const found = [];
  for (let at = 0; at + window.size <= picked.length; at += window.stride)
    found.push({ at, row: picked.slice(at, at + window.size).flat() });
  return found;
}
