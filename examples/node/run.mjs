// Runs a bundle in Node: node run.mjs BUNDLE.zip [ROWS.csv] [--json]
//
// Every digest is checked and the golden inputs are run before any row is. Exit codes: 0 done, 1 golden outputs differ,
// 2 a bundle or rows that cannot be used, 3 @litertjs/core is not installed.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Unusable, openBundle, readArray, stored } from "./content.mjs";
import { compile, loadLiteRt } from "./litert.mjs";
import { fromStored, preprocessing, rows, toStored } from "./numbers.mjs";

const FLOAT_TOLERANCE = 1e-4; // other kernels made the golden outputs
const INTEGERS_TOLERANCE = 0.05; // where weights are integers and outputs are not
const STEPS_TOLERANCE = 16; // of the output's scale

const argmax = (values) => values.reduce((best, value, at) => (value > values[best] ? at : best), 0);

/** How far outputs may be from the expected ones; of float outputs beyond 1 it is a share. See docs/edge.md. */
function tolerance({ model }, expected) {
  if (model.output.quantization) return STEPS_TOLERANCE * model.output.quantization.scale;
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return (model.variant.includes("int") ? INTEGERS_TOLERANCE : FLOAT_TOLERANCE) * largest;
}

async function golden(bundle, answer) {
  const { manifest, files } = bundle;
  const arrays = stored(files.get(manifest.golden.file));
  const [inputs, expected] = ["inputs.npy", "outputs.npy"].map((name) => readArray(arrays.get(name)));
  const told = { rows: manifest.golden.rows, same_answer: 0, max_abs_diff: 0, tolerance: tolerance(manifest, expected.values) };
  const part = ({ shape, values }, row) => {
    const size = values.length / shape[0];
    return values.subarray(row * size, (row + 1) * size);
  };
  for (let row = 0; row < told.rows; row++) {
    const [got, wanted] = [await answer(part(inputs, row)), part(expected, row)];
    const difference = Math.max(...got.map((value, at) => Math.abs(value - wanted[at])));
    const same = manifest.classes.length ? argmax(got) === argmax(wanted) : difference <= told.tolerance;
    told.same_answer += same ? 1 : 0;
    told.max_abs_diff = Math.max(told.max_abs_diff, difference); // a NaN stays
  }
  return { ...told, ok: told.max_abs_diff <= told.tolerance };
}

async function timed(answer, manifest) {
  const row = new Float32Array(manifest.model.input.shape.reduce((product, size) => product * size));
  const took = [];
  for (let call = 0; call < 300; call++) {
    const start = performance.now();
    await answer(row);
    took.push((performance.now() - start) * 1000);
  }
  return Math.round(took.sort((one, other) => one - other)[150] * 10) / 10;
}

async function main(bundlePath, csvPath) {
  const modules = process.env.LIGHTERAGE_NODE_MODULES ?? fileURLToPath(new URL("node_modules", import.meta.url));
  if (!existsSync(join(modules, "@litertjs", "core"))) return [3, `there is no @litertjs/core in ${modules}: npm ci --ignore-scripts`];
  const bundle = openBundle(bundlePath);
  const { manifest, files } = bundle;
  const prepared = preprocessing(manifest);
  const given = csvPath ? rows(readFileSync(csvPath, "utf8"), manifest) : [];
  const model = await compile(await loadLiteRt(modules), files.get(manifest.model.file), manifest);
  const answer = async (row) => fromStored(await model.run(toStored(row, manifest.model.input)), manifest.model.output);

  const checked = await golden(bundle, answer);
  const answers = [];
  for (const { at, row } of checked.ok ? given : []) {
    const outputs = await answer(prepared(row));
    const best = manifest.classes.length ? argmax(outputs) : 0;
    answers.push({ at, label: manifest.classes[best] ?? null, score: outputs[best] });
  }
  const told = { bundle: manifest.name, variant: manifest.model.variant, golden: checked, call_us: await timed(answer, manifest), answers };
  return [checked.ok ? 0 : 1, told];
}

function tell({ bundle, variant, golden, call_us, answers }) {
  for (const { at, label, score } of answers) process.stdout.write(`${at}\t${label ?? ""}\t${score.toFixed(4)}\n`);
  const { rows, same_answer, max_abs_diff, tolerance, ok } = golden;
  process.stderr.write(
    `${bundle} (${variant}): ${ok ? "computes" : "DOES NOT COMPUTE"} here what was proven; ${same_answer} of ${rows} golden rows have ` +
      `the same answer, the largest difference is ${max_abs_diff.toPrecision(3)} of ${tolerance.toPrecision(3)}; ${call_us} µs a call\n`,
  );
}

const json = process.argv.includes("--json");
const [bundlePath, csvPath] = process.argv.slice(2).filter((word) => word !== "--json");
try {
  const [code, told] = bundlePath ? await main(bundlePath, csvPath) : [2, "usage: node run.mjs BUNDLE.zip [ROWS.csv] [--json]"];
  process.exitCode = code;
  if (typeof told === "string") process.stderr.write(told + "\n");
  else if (json) process.stdout.write(JSON.stringify(told) + "\n");
  else tell(told);
} catch (error) {
  if (!(error instanceof Unusable || error instanceof SyntaxError || error instanceof RangeError || error.code === "ENOENT")) throw error;
  process.exitCode = 2;
  process.stderr.write(`${error.message}\n`);
}
