/** Drafts with a smaller vocabulary in an experiment: counted, trained, measured, exported; refused where it cannot be. */
import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, datasetsLayer } from "@winnow/data"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { loadDecoder, logitsOf, openSafetensors, readModelIds } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { behind, tiny } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { artifactOf } from "./experiment/start.ts"
import { exportModel } from "./export/export-model.ts"
import { Progress } from "./progress.ts"
import { Store } from "./store/store.ts"
import { caption } from "./table/caption.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-vocabulary-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const results = join(home, "results")
const run = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  applySettings(experiment, settings).pipe(
    Effect.flatMap((e) => resolve(e)),
    Effect.flatMap((r) => runDistillation(r, { slug: "000-tiny", results })),
    Effect.provide(layers),
  )
const refused = async (...settings: ReadonlyArray<string>) =>
  (await Effect.runPromise(Effect.flip(run(experiment, ...settings)))).message

const python = process.env["WINNOW_PYTHON"] ?? ""
if (python === "") console.warn("WINNOW_PYTHON is not set: the mapping of ids is not read by torch here")
/** Where the first test exports its draft. */
const to = join(home, "exported")

const budget = { steps: 4, batchSize: 4, optimizer: { warmup: 2 } }
/** Twelve letters, ten times each, and the end: an answer's bytes are 13 ids. */
const experiment: Experiment = {
  ...tiny,
  arms: {
    whole: arm({ filter: behind({ k: 0.5 }), loss: kl(), ...budget }),
    small: arm({
      filter: behind({ k: 0.5 }),
      loss: kl(),
      ...budget,
      start: artifactOf("draft", { vocabulary: 6 }),
    }),
  },
  seeds: [1],
  plugins: [...tiny.plugins!, kl],
}
test("an arm with some of the ids: its cost, its figures, its files, and the export", async () => {
  const { record, directory } = await Effect.runPromise(run(experiment, "arms.small.start.vocabulary=4"))
  const row = (name: string) => record.rows.find((of) => of.name === name)!
  const [whole, small] = [row("whole"), row("small")]
  expect(small.from).toBe("start, 4 ids")
  // The end comes once an answer as each letter does ten times, but in all twelve.
  const [figures] = small.seeds
  expect(figures!.vocabulary!.ids).toBe(4)
  expect(figures!.vocabulary!.greedyOutside).toBeGreaterThan(0)
  expect(figures!.vocabulary!.greedyOutside).toBeLessThan(1)
  expect(whole.seeds[0]!.vocabulary).toBeUndefined()
  expect(Number.isFinite(figures!.draftKl!)).toBe(true)
  expect(caption(record).find((line) => line.startsWith("Ids that a draft can propose"))).toContain("small 4 (")
  // The reference predicts every id, and the draft's steps run its head for four.
  const [a, b] = [small, whole].map(({ budget }) => budget[0]!.arm)
  expect(a!.tokensSeen).toBe(b!.tokensSeen)
  expect(a!.tokensValid).toBeLessThan(b!.tokensValid)
  expect(a!.flops).toBeLessThan(b!.flops / 2)

  const exported = await Effect.runPromise(
    exportModel({ directory, name: "small", seed: 1, to, dtype: "float32", home }),
  )
  expect(exported.sha256.exported).toBe(exported.sha256.recorded)
  const card = readFileSync(join(to, "README.md"), "utf8")
  expect(card).toContain("The head predicts 4 of 257 ids")
  expect(card).not.toContain("from_pretrained")
  const read = await Effect.runPromise(readModelIds(to, [llama]))
  const end = byteTokenizer.eosId
  expect(Array.from(read!.id_U)).toEqual([..."abc"].map((c) => c.charCodeAt(0)).concat(end))
  const file = openSafetensors(join(to, "model.safetensors"))
  expect(file.tensors.get("lm_head.weight")!.shape).toEqual([4, 8])
  expect(file.tensors.get("d2t")!.shape).toEqual([4])
  expect(file.tensors.get("t2d")!.shape).toEqual([257])
  file.close()
})

test.skipIf(python === "")("torch reads the mapping as EAGLE-3's, and gives the same ids", async () => {
  const model = await Effect.runPromise(loadDecoder(to, [llama]))
  const ids = [[97, 58, 97, 97, 97, 98, 99, 58]]
  const logits = tf.tidy(() => logitsOf(model, tf.tensor2d(ids, undefined, "int32")).arraySync())[0]!
  const best = logits.map((row) => model.headIds!.id_U[row.indexOf(Math.max(...row))])
  model.dispose()
  const ours = join(home, "ours.json")
  writeFileSync(ours, JSON.stringify({ ids, best }))
  const script = join(import.meta.dir, "../interop/smaller_head_side.py")
  const { exitCode, stdout, stderr } = Bun.spawnSync([python, script, to, ours])
  expect(`${stdout}${exitCode === 0 ? "" : stderr}`).toContain("most probable ids: 8 of 8 the same")
  expect(exitCode).toBe(0)
})

test("the drafts' start has it, and so have arms and references that begin with it; signals are cached", async () => {
  const settings = [
    "draft.start.vocabulary=9",
    "arms.small.start=draft",
    'arms.small.signals={"target":"hidden","reference":"cached"}',
    "arms.whole.start=untrained",
  ]
  const { record } = await Effect.runPromise(run(experiment, ...settings))
  for (const name of ["start", "whole", "small", "reference"])
    expect(record.rows.find((row) => row.name === name)!.seeds[0]!.vocabulary!.ids).toBe(9)
  expect(record.missing).toEqual([])
})

test("refused before any work, with the remedy", async () => {
  expect(await refused("arms.small.start.vocabulary=257")).toContain(
    "the model has 257 ids; expected a whole number from 1 to 256",
  )
  expect(await refused('arms.small.signals={"target":{"topK":5}}', "arms.small.filter=everything")).toContain(
    "the draft predicts 6 ids, and top 5 of the target do not give its distribution over them",
  )
  expect(await refused('arms.small.signals={"reference":"cached"}')).toContain(
    "the draft predicts 6 ids, its reference 257; set signals.reference to live, or give both one vocabulary",
  )
  expect(await refused("draft.start.vocabulary=5")).toContain("predicts 5 of its 257 ids already")
  expect(await refused("target.vocabulary=5")).toContain("a target predicts every id")
})
