/** Folders that are no model, or not the one that was meant: each is refused with what it is and what to do. */
import { afterAll, expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { readArchitecture } from "./families.fixture.ts"
import { edit, modelFolders, reason } from "./model-folders.fixture.ts"

const { root, saved } = modelFolders("wrong-folders")
afterAll(() => rmSync(root, { recursive: true }))

/** A copy of a model's folder, changed. */
const changed = async (name: string, change: (dir: string) => void): Promise<string> => {
  const dir = await saved(`changed-${name.replaceAll(/\W+/g, "-")}`)
  change(dir)
  return dir
}
const move = (from: string, to: string) => (dir: string) => renameSync(join(dir, from), join(dir, to))
const add = (name: string, content: string) => (dir: string) => writeFileSync(join(dir, name), content)
const only = (name: string, content: string) => (dir: string) => {
  rmSync(dir, { recursive: true })
  mkdirSync(dir)
  writeFileSync(join(dir, name), content)
}
const insteadOf = (name: string, make: (file: string) => void) => (dir: string) => {
  rmSync(join(dir, name))
  make(join(dir, name))
}
const lfs = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 4\n`

const folders: Record<string, readonly [change: (dir: string) => void, says: string]> = {
  "no config.json": [(dir) => rmSync(join(dir, "config.json")), "has no config.json beside its model.safetensors"],
  "nothing in it": [(dir) => [rmSync(dir, { recursive: true }), mkdirSync(dir)], "has no config.json, it is empty"],
  "no weights": [
    (dir) => rmSync(join(dir, "model.safetensors")),
    "neither model.safetensors nor model.safetensors.index.json: download or write the weights",
  ],
  "weights of PyTorch": [move("model.safetensors", "pytorch_model.bin"), "it has pytorch_model.bin, which is not read"],
  "weights of Meta": [
    move("model.safetensors", "consolidated.00.pth"),
    "it has consolidated.00.pth, which is not read",
  ],
  "a GGUF file": [move("model.safetensors", "model-Q4.gguf"), "it has model-Q4.gguf, a GGUF file"],
  "a GGUF file alone": [only("model-Q4.gguf", "GGUF"), "has no config.json: it has model-Q4.gguf, a GGUF file"],
  "weights of another name": [
    move("model.safetensors", "weights.safetensors"),
    "it has weights.safetensors; weights are read from",
  ],
  "a shard without its index": [
    move("model.safetensors", "model-00001-of-00002.safetensors"),
    "it has model-00001-of-00002.safetensors but no model.safetensors.index.json",
  ],
  "an adapter alone": [
    only("adapter_config.json", '{"base_model_name_or_path":"org/base"}'),
    "it holds an adapter of org/base alone; merge it",
  ],
  "an adapter's weights in place of the model's": [
    move("model.safetensors", "adapter_model.safetensors"),
    "it holds an adapter alone (adapter_model.safetensors)",
  ],
  "an adapter beside the model": [
    add("adapter_config.json", '{"base_model_name_or_path":"org/base"}'),
    "has an adapter of org/base beside a model (adapter_config.json)",
  ],
  "an adapter in the weights": [
    (dir) =>
      edit(
        dir,
        (all) =>
          void all.set("model.layers.0.mlp.up_proj.lora_A.default.weight", { shape: [1], data: new Float32Array(1) }),
      ),
    "an adapter (LoRA) is in the weights (model.layers.0.mlp.up_proj.lora_A.default.weight)",
  ],
  "quantised weights": [
    (dir) =>
      edit(dir, (all) => void all.set("model.layers.0.mlp.up_proj.qweight", { shape: [1], data: new Float32Array(1) })),
    "the weights are quantised (model.layers.0.mlp.up_proj.qweight)",
  ],
  "a model one folder below": [
    (dir) => [mkdirSync(join(dir, "checkpoint-500")), move("config.json", "checkpoint-500/config.json")(dir)],
    "its folder checkpoint-500 has one: give",
  ],
  "a cache of the hub": [
    (dir) => [only("refs", "")(dir), mkdirSync(join(dir, "snapshots", "0a1b"), { recursive: true })],
    "it is a cache of the Hugging Face hub; give",
  ],
  "a Git LFS pointer for weights": [add("model.safetensors", lfs), "this is a Git LFS pointer"],
  "a Git LFS pointer for config.json": [add("config.json", lfs), "config.json is not JSON: this is a Git LFS pointer"],
  "a web page for config.json": [add("config.json", "<!doctype html>\n<html></html>"), "this is a web page (HTML)"],
  "a cut config.json": [add("config.json", '{"model_type": "lla'), "was it cut short, or edited?"],
  "cut weights": [
    (dir) =>
      writeFileSync(join(dir, "model.safetensors"), readFileSync(join(dir, "model.safetensors")).subarray(0, -9)),
    "truncated",
  ],
  "an index that maps to nothing": [
    (dir) => [rmSync(join(dir, "model.safetensors")), add("model.safetensors.index.json", '{"weight_map":{}}')(dir)],
    "weight_map must map names to .safetensors files",
  ],
  "a config.json that never ends": [
    insteadOf("config.json", (file) => symlinkSync("/dev/zero", file)),
    "this is a device",
  ],
  "weights that wait": [
    insteadOf("model.safetensors", (file) => void execFileSync("mkfifo", [file])),
    "this is a named pipe, expected a regular file",
  ],
  "a config.json that is a folder": [insteadOf("config.json", (file) => mkdirSync(file)), "this is a folder"],
  "a large config.json": [
    (dir) => truncateSync(join(dir, "config.json"), 2 ** 40),
    "a JSON file of a model has at most",
  ],
  "a config.json deeper than the stack": [
    add("config.json", `{"model_type":${"[".repeat(3e5)}${"]".repeat(3e5)}}`),
    "config.json",
  ],
}
for (const [name, [change, says]] of Object.entries(folders))
  test(`a folder that is not what was meant: ${name}`, async () => {
    const before = tf.memory().numTensors
    const dir = await changed(name, change)
    expect(await reason(dir)).toContain(says)
    expect(await Effect.runPromise(Effect.flip(readArchitecture(dir))).then(({ message }) => message)).toContain(says)
    expect(tf.memory().numTensors).toBe(before)
  })

const paths: Record<string, readonly [path: string, says: string]> = {
  nothing: [join(root, "nowhere"), "there is nothing of this name; a model is a directory"],
  "a model's name on the hub": ["EleutherAI/pythia-70m", "write hf:EleutherAI/pythia-70m; a model is"],
  "a ~ in quotes": ["~/models/pythia", "the shell expands ~ only where it is not in quotes"],
  "a ~ made absolute": [join(process.cwd(), "~/models/pythia"), "the shell expands ~ only where it is not in quotes"],
}
for (const [name, [path, says]] of Object.entries(paths))
  test(`a path that is no folder: ${name}`, async () => expect(await reason(path)).toContain(says))

test("a path that is a file of a model", async () => {
  const dir = await saved("files")
  expect(await reason(join(dir, "config.json"))).toContain("is not a directory: give the folder that holds config.json")
  for (const [name, says] of [
    ["m.gguf", "a GGUF file"],
    ["pytorch_model.bin", "a file of PyTorch"],
    ["notes.txt", "a model is a directory"],
  ] as const) {
    writeFileSync(join(dir, name), "x")
    expect(await reason(join(dir, name))).toContain(says)
  }
})
