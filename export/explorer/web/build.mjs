// Builds what the page is assembled from into ../dist: see ../README.md.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "..", "dist");
const runtime = join(here, "node_modules", "onnxruntime-web");

const options = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  format: "iife",
  // Browsers that cannot run the page must still be able to read why.
  target: "es2020",
  charset: "utf8",
  legalComments: "none", // all licences are in licences.txt, whole
  metafile: true,
  write: false,
};

async function bundle(entry, more = {}) {
  const result = await build({ ...options, ...more, entryPoints: [entry] });
  return { code: result.outputFiles[0].contents, inputs: Object.keys(result.metafile.inputs) };
}

/** The packages that bundled files come from. */
function packagesOf(inputs) {
  const names = inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(names.filter(Boolean))].sort();
}

async function readPackage(name) {
  return JSON.parse(await readFile(join(here, "node_modules", name, "package.json"), "utf8"));
}

/** The text of a package's licence: its own file, or that in licences/ where it has none. */
async function readLicence(name) {
  const folder = join(here, "node_modules", name);
  const own = (await readdir(folder)).find((file) => /^licen[cs]e/i.test(file));
  const path = own ? join(folder, own) : join(here, "licences", `${name}.txt`);
  return (await readFile(path, "utf8")).trim();
}

const page = await bundle("src/page.ts");
const style = await bundle("style.css");
const worker = await bundle("src/worker.ts", {
  // The bytes of the runtime are handed over: nothing is looked up beside the script.
  define: { "import.meta.url": '"page://worker/"' },
  external: ["module", "node:*", "worker_threads", "fs", "path"],
});
const wasm = await readFile(join(runtime, "dist", "ort-wasm-simd-threaded.wasm"));
const packages = packagesOf([...page.inputs, ...worker.inputs]);

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
const put = (name, content) => writeFile(join(dist, name), content);
await put("page.html", await readFile(join(here, "page.html")));
await put("page.js", page.code);
await put("style.css", style.code);
await put("worker.js.gz", gzipSync(worker.code, { level: 9 }));
await put("runtime.wasm.gz", gzipSync(wasm, { level: 9 }));

const versions = {};
const licences = [];
for (const name of packages) {
  const { version, license } = await readPackage(name);
  versions[name] = version;
  licences.push(`${name} ${version}, ${license}\n\n${await readLicence(name)}`);
}
await put("licences.txt", licences.join("\n\n"));
// Last: where it is, all is.
await put("versions.json", `${JSON.stringify(versions)}\n`);
