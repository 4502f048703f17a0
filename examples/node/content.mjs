// The files of a bundle, from its zip: members are stored, not compressed, so that no zip library is needed.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** A bundle or rows that cannot be used. */
export class Unusable extends Error {}

/** Every file of the bundle, each as long and with the digest that the manifest says. */
export function openBundle(path) {
  const members = stored(readFileSync(path));
  if (!members.has("manifest.json")) throw new Unusable(`${path} holds no manifest.json`);
  const manifest = JSON.parse(members.get("manifest.json").toString("utf8"));
  if (manifest.format !== "lighterage/bundle/1") throw new Unusable(`the format is ${manifest.format}`);
  const files = new Map();
  for (const [name, { digest, size }] of Object.entries(manifest.files)) {
    const content = members.get(name);
    if (!content) throw new Unusable(`${name} is missing`);
    const found = "sha256:" + createHash("sha256").update(content).digest("hex");
    if (content.length !== size || found !== digest) throw new Unusable(`${name} is not what the manifest says`);
    files.set(name, content);
  }
  const labels = manifest.labels ? files.get(manifest.labels).toString("utf8").split("\n").slice(0, -1) : [];
  if (JSON.stringify(labels) !== JSON.stringify(manifest.classes)) throw new Unusable("labels.txt names other classes");
  return { manifest, files };
}

/** Members of a zip without compression: name to bytes, as the central directory at its end lists them. */
export function stored(zip) {
  const end = zip.lastIndexOf("PK\x05\x06", undefined, "latin1");
  if (end < 0 || end + 22 > zip.length) throw new Unusable("it is no zip, or not all of it");
  const members = new Map();
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    if (zip.readUInt32LE(at) !== 0x02014b50) throw new Unusable("the zip's directory is damaged");
    const [size, full] = [zip.readUInt32LE(at + 20), zip.readUInt32LE(at + 24)];
    const [nameLength, extra, comment] = [28, 30, 32].map((place) => zip.readUInt16LE(at + place));
    const name = zip.toString("utf8", at + 46, at + 46 + nameLength);
    if (zip.readUInt16LE(at + 10) !== 0 || size !== full) throw new Unusable(`${name} is compressed`);
    if (members.has(name)) throw new Unusable(`the zip holds ${name} twice`);
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    if (start + size > zip.length) throw new Unusable(`${name} is cut off`);
    members.set(name, zip.subarray(start, start + size));
    at += 46 + nameLength + extra + comment;
  }
  return members;
}

/** An array of float32 in NumPy's format: `{ shape, values }`. */
export function readArray(npy) {
  if (npy.toString("latin1", 0, 6) !== "\x93NUMPY") throw new Unusable("it is no NumPy array");
  const long = npy[6] > 1;
  const start = (long ? 12 : 10) + (long ? npy.readUInt32LE(8) : npy.readUInt16LE(8));
  const header = npy.toString("latin1", long ? 12 : 10, start);
  if (!header.includes("'<f4'") || !header.includes("'fortran_order': False")) throw new Unusable(`it is ${header}`);
  const shape = [.../'shape': \(([^)]*)\)/.exec(header)[1].matchAll(/\d+/g)].map(Number);
  return { shape, values: new Float32Array(npy.buffer.slice(npy.byteOffset + start, npy.byteOffset + npy.length)) };
}
