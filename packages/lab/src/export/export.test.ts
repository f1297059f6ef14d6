/** Models of a tiny run that leave it: what the folder holds, and each refusal. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, loadTokenizer, tokenizerFiles } from "@winnow/data"
import { sha256OfFile } from "@winnow/files"
import { llama } from "@winnow/model-llama"
import { loadDecoder, logitsOf, readSafetensors } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { runDistillation } from "../../test/run-distillation.ts"
import { runLayers } from "../../test/run-layers.ts"
import { tiny } from "../../test/tiny.ts"
import { resolve } from "../experiment/resolve.ts"
import { applySettings } from "../experiment/settings.ts"
import type { RunRecord } from "../record/schema.ts"
import { readRun } from "../runs/read-run.ts"
import { houseRoot } from "../store/code/house.ts"
import { modelRunOf } from "./chosen-model.ts"
import { exportModel } from "./export-model.ts"
import type { ExportRequest } from "./export-request.ts"
import { licencesOf } from "./licences.ts"
import { wholeFolder } from "./whole-folder.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-export-"))
afterAll(() => rmSync(home, { recursive: true }))
let finished: Effect.Success<ReturnType<typeof runDistillation>>

beforeAll(async () => {
  const run = Effect.flatMap(resolve(tiny), (r) =>
    runDistillation(r, { slug: "000-tiny", results: join(home, "results") }),
  )
  finished = await Effect.runPromise(Effect.provide(run, runLayers(home)))
})

const request = (changes: Partial<ExportRequest>): ExportRequest => ({
  ...{ directory: finished.directory, name: "behind", seed: 2, to: join(home, "out"), dtype: "float32", home },
  ...changes,
})
const exported = (changes: Partial<ExportRequest>) => Effect.runPromise(exportModel(request(changes)))
const refusal = (changes: Partial<ExportRequest>) =>
  Effect.runPromise(Effect.flip(exportModel(request(changes)))).then(({ message }) => message)
const readJson = (...parts: ReadonlyArray<string>) => JSON.parse(readFileSync(join(...parts), "utf8"))

test("a draft: the record's own bytes, the real end and pad, a tokenizer with the same ids, a card with its figures", async () => {
  const to = join(home, "draft")
  const result = await exported({ to })
  const recorded = finished.record.weights.find(({ name, seed }) => name === "behind" && seed === 2)!
  expect(sha256OfFile(join(to, "model.safetensors"))).toBe(recorded.sha256)
  expect(result.sha256).toEqual({ exported: recorded.sha256, recorded: recorded.sha256 })
  expect(readJson(to, "config.json")).toMatchObject({
    ...{ model_type: "llama", dtype: "float32", vocab_size: 257 },
    ...{ bos_token_id: null, eos_token_id: 256, pad_token_id: 256 },
  })
  // drafts as many tokens as its figures are of, in transformers too
  expect(readJson(to, "generation_config.json")).toEqual({
    ...{ eos_token_id: 256, pad_token_id: 256, num_assistant_tokens: 2 },
    ...{ num_assistant_tokens_schedule: "constant", assistant_confidence_threshold: 0 },
  })
  expect(readJson(to, "tokenizer_config.json")).toMatchObject({ eos_token: "<|endoftext|>", model_max_length: 32 })
  const tokenizer = await Effect.runPromise(loadTokenizer(to))
  const [ids] = await Effect.runPromise(tokenizer.encode(["a: ü"]))
  expect([...ids!]).toEqual([...new TextEncoder().encode("a: ü")])
  expect(tokenizer.eosId).toBe(256)
  const card = readFileSync(join(to, "README.md"), "utf8")
  const row = finished.record.rows.find(({ name }) => name === "behind")!
  const own = row.seeds.find(({ seed }) => seed === 2)!
  expect(card).toContain(`| greedy acceptance, gamma 2 | ${(100 * own.greedyAcceptance!).toFixed(1)} % |`)
  expect(card).toContain('| filter (which tokens) | behind {"k":0.5} |')
  expect(card).toContain(`bun run experiment --repeat ${finished.record.run}`)
  expect(card).toContain(recorded.sha256)
  expect(readdirSync(home).filter((name) => name.includes("partial"))).toEqual([])
})

test("halves are the weights rounded, the target is a model of the run too, and both load", async () => {
  const [to, target] = [join(home, "half"), join(home, "target")]
  const { sha256 } = await exported({ to, dtype: "bfloat16" })
  expect(sha256.exported).not.toBe(sha256.recorded)
  expect(readFileSync(join(to, "README.md"), "utf8")).toContain(`converted from \`${sha256.recorded}\``)
  expect(readJson(to, "config.json").dtype).toBe("bfloat16")
  await exported({ to: target, name: "target", seed: undefined })
  expect(readJson(target, "generation_config.json")).toEqual({ eos_token_id: 256, pad_token_id: 256 })
  const before = tf.memory().numTensors
  for (const [dir, d] of [
    [to, 8],
    [target, 32],
  ] as const) {
    const model = await Effect.runPromise(loadDecoder(dir, [llama]))
    const ids = tf.tensor2d([[97, 58, 97]], undefined, "int32")
    const logits = logitsOf(model, ids)
    expect(logits.shape).toEqual([1, 3, 257])
    expect(model.architecture.hiddenSize).toBe(d)
    tf.dispose([ids, logits])
    model.dispose()
  }
  expect(tf.memory().numTensors).toBe(before)
  const exact = readSafetensors(join(home, "draft", "model.safetensors"))
  for (const [name, { data }] of readSafetensors(join(to, "model.safetensors")))
    for (const [i, x] of data.entries())
      expect(Math.abs(x - exact.get(name)!.data[i]!)).toBeLessThanOrEqual(Math.abs(x) * 2 ** -8)
})

test("a tokenizer of a folder: its start, padding and chat template go along, if it is still what the run read", async () => {
  const [folder, store] = [join(home, "tokenizer"), join(home, "second")]
  mkdirSync(folder)
  for (const [name, text] of Object.entries(tokenizerFiles(byteTokenizer))) writeFileSync(join(folder, name), text)
  const own = JSON.stringify({ eos_token: "<|endoftext|>", bos_token: { content: "a" }, pad_token: "b", legacy: true })
  writeFileSync(join(folder, "tokenizer_config.json"), own)
  writeFileSync(join(folder, "chat_template.jinja"), "{{ messages[0].content }}")
  const setting = `tokenizer=${JSON.stringify({ kind: "file", path: folder })}`
  const run = Effect.flatMap(applySettings(tiny, [setting]), (experiment) =>
    Effect.flatMap(resolve(experiment), (r) =>
      runDistillation(r, { slug: "000-tiny", results: join(store, "results") }),
    ),
  )
  const { directory } = await Effect.runPromise(Effect.provide(run, runLayers(store)))
  const [to, later] = [join(home, "templated"), join(home, "untemplated")]
  await exported({ directory, to, home: store })
  const ids = { bos_token_id: 97, eos_token_id: 256, pad_token_id: 98 }
  expect(readJson(to, "config.json")).toMatchObject(ids)
  expect(readJson(to, "generation_config.json")).toMatchObject(ids)
  expect(readJson(to, "tokenizer_config.json")).toMatchObject({ bos_token: "a", pad_token: "b", legacy: true })
  expect(readFileSync(join(to, "chat_template.jinja"), "utf8")).toBe("{{ messages[0].content }}")
  expect(readFileSync(join(to, "README.md"), "utf8")).toContain("the start token, id 97, was not put before texts")
  writeFileSync(join(folder, "tokenizer_config.json"), "{}")
  const { notes } = await exported({ directory, to: later, home: store })
  expect(notes[0]).toContain("is not what the run read: a chat template and further special tokens are left out")
  expect(existsSync(join(later, "chat_template.jinja"))).toBe(false)
  expect(readJson(later, "config.json")).toMatchObject({ bos_token_id: null, eos_token_id: 256, pad_token_id: 256 })
})

test("a name or a seed that there is not, and a folder that is there, are refused with what there is", async () => {
  const at = `run ${finished.record.run}: `
  expect(await refusal({ name: undefined })).toBe(
    `${at}has 2 arms, so name the model to take: all, behind, start, target`,
  )
  expect(await refusal({ name: "behnid" })).toBe(
    `${at}has no model behnid; it has all, behind, start, target; did you mean behind?`,
  )
  expect(await refusal({ seed: 7 })).toBe(`${at}has no behind under seed 7; it has seeds 1, 2`)
  expect(await refusal({ name: "target" })).toBe(`${at}has one target for all seeds; leave out the seed`)
  mkdirSync(join(home, "there"))
  expect(await refusal({ to: join(home, "there") })).toContain("is there already; give the name of a folder")
  expect(readdirSync(join(home, "there"))).toEqual([])
  expect(existsSync(join(home, "out"))).toBe(false)
})

test("the first seed is taken where none is named", async () => {
  expect((await exported({ to: join(home, "first"), seed: undefined })).seed).toBe(1)
})

test("weights that are not in the store: how to get them back; those of a repeat are found", async () => {
  const { sha256 } = finished.record.weights.find(({ name, seed }) => name === "all" && seed === 1)!
  const arms = join(home, "artifacts", "arm")
  const key = readdirSync(arms).find((name) =>
    readJson(arms, name, "manifest.json").files.some((file: { sha256: string }) => file.sha256 === sha256),
  )!
  const away = join(home, "repeats", finished.record.run, "artifacts", "arm", key)
  mkdirSync(join(away, ".."), { recursive: true })
  const elsewhere = join(home, "elsewhere")
  renameSync(join(arms, key), elsewhere)
  const found = await refusal({ name: "all", seed: 1 })
  expect(found).toContain(`all, seed 1: its weights are not in the store ${home}`)
  expect(found).toContain(`\`bun run experiment --repeat ${finished.record.run}\` trains them again`)
  renameSync(elsewhere, away)
  expect((await exported({ to: join(home, "again"), name: "all", seed: 1 })).sha256.exported).toBe(sha256)
})

test("the same stage with other bytes than the figures are of is no model of the record", async () => {
  const other = join(home, "other")
  cpSync(finished.directory, other, { recursive: true })
  const { weights, ...record } = readJson(other, "run.json") as RunRecord
  const changed = weights.map((one) => (one.name === "behind" ? { ...one, sha256: "0".repeat(64) } : one))
  writeFileSync(join(other, "run.json"), JSON.stringify({ ...record, weights: changed }))
  expect(await refusal({ directory: other })).toContain("has it computed again with other bytes")
})

test("a folder is made whole or not at all", async () => {
  const to = join(home, "deep", "whole")
  const fill = (fails: boolean) => (folder: string) =>
    Effect.suspend(() => {
      writeFileSync(join(folder, "a"), "a")
      return fails ? Effect.fail("no") : Effect.succeed("made")
    })
  expect(await Effect.runPromise(Effect.flip(wholeFolder(to, fill(true))))).toBe("no")
  expect(readdirSync(join(home, "deep"))).toEqual([])
  expect(await Effect.runPromise(wholeFolder(to, fill(false)))).toBe("made")
  expect(readdirSync(join(home, "deep"))).toEqual(["whole"])
})

test("licences are those of the files that a run's task asks for", async () => {
  const folder = join(houseRoot, "results", "002-gsm8k")
  const run = await Effect.runPromise(Effect.flatMap(readRun(join(folder, readdirSync(folder)[0]!)), modelRunOf))
  const licences = await Effect.runPromise(licencesOf(run))
  if (typeof licences === "string") throw new Error(licences)
  expect(licences.map(({ task }) => task)).toEqual(["gsm8k"])
  expect(licences[0]!.files[0]).toMatchObject({ path: "gsm8k/train.jsonl", licence: "MIT" })
  expect(await Effect.runPromise(licencesOf(finished.record))).toContain("not known here: experiment 000-tiny")
})
