/** A stage depends on the splits that it reads: another test split leads to no new training. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineTask } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { tiny } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import { resolve } from "./experiment/resolve.ts"
import { Progress } from "./progress.ts"
import { Store } from "./store/store.ts"

const splits = ["train", "validation", "test"] as const
/** Repeated letters, each ten times; each split ends with an example of its own. */
const letters = defineTask({
  name: "letters",
  options: type({ "+": "reject", train: "string", validation: "string", test: "string" }),
  make: (last) => {
    const of = (letter: string) => ({ prompt: `${letter}:`, answer: letter.repeat(10) })
    const all = Object.fromEntries(splits.map((split) => [split, [..."abcdefgh", last[split]].map(of)]))
    return Effect.succeed({ examples: (split) => all[split]!, sharesPrompts: true })
  },
})

const home = mkdtempSync(join(tmpdir(), "winnow-splits-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const before = { train: "x", validation: "y", test: "z" }
const withLast = (last: Partial<typeof before>) =>
  resolve({ ...tiny, seeds: [1], task: letters({ ...before, ...last }), plugins: [...tiny.plugins!, letters] })
const toDo = (last: Partial<typeof before>) =>
  Effect.runPromise(
    Effect.flatMap(withLast(last), plan).pipe(
      Effect.map(({ stages }) => new Set(stages.flatMap(({ state, kind }) => (state === "cached" ? [] : [kind])))),
      Effect.provide(layers),
    ),
  )
const run = (last: Partial<typeof before>) =>
  Effect.runPromise(
    Effect.flatMap(withLast(last), (r) =>
      runDistillation(r, { slug: "000-splits", results: join(home, "results") }),
    ).pipe(Effect.provide(layers)),
  )

test("a changed test split measures again and trains nothing; a changed training split does both", async () => {
  const first = await run({})
  expect(await toDo({})).toEqual(new Set())
  const measured = new Set(["data", "rollouts", "score", "measure", "kept"])
  expect(await toDo({ test: "w" })).toEqual(measured)
  // The target's scores depend on the task with all its options.
  expect(await toDo({ validation: "w" })).toEqual(new Set(["data", "score"]))
  expect(await toDo({ train: "w" })).toEqual(new Set([...measured, "target", "start", "arm"]))

  const second = await run({ test: "w" })
  // Data, two rollouts, their scores, three measures and the tokens that one arm keeps.
  expect(second.computed).toBe(8)
  const keysOf = ({ record }: typeof first, kind: string) =>
    record.stages.filter((stage) => stage.kind === kind).map(({ key }) => key)
  for (const kind of ["target", "start", "arm"]) expect(keysOf(second, kind)).toEqual(keysOf(first, kind))
  expect(keysOf(second, "measure")).not.toEqual(keysOf(first, "measure"))
})
