/** Frozen models are read once a process, shared, and freed; a stage that trains has a model of its own. */
import { beforeAll, expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DataError, type Encoder } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { initialise } from "@winnow/models"
import { openEngine, tf } from "@winnow/tensor"
import { Effect, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { graphOf } from "../../test/graph.ts"
import { storeContents } from "../../test/store-contents.ts"
import { tiny, tinyModel } from "../../test/tiny.ts"
import { resolve } from "../experiment/resolve.ts"
import { Progress } from "../progress.ts"
import { runStages } from "../schedule/run-all.ts"
import type { StageError } from "../stage.ts"
import { type Artifact, Store } from "../store/store.ts"
import { acquire, loadFrom, Models, openModel, sharedModels } from "./models.ts"

beforeAll(() => openEngine())

const artifact = (directory: string, sha256 = "a") =>
  ({
    directory,
    manifest: { made: {}, files: [{ path: "model.safetensors", sha256 }], summary: {} },
  }) as unknown as Artifact
const architecture = Effect.runSync(tinyModel(8).instance)

/** Counts what is loaded, by folder. */
const counting = () => {
  const loads: Array<string> = []
  const load = (directory: string): Effect.Effect<Encoder, StageError, Scope.Scope> =>
    Effect.suspend(() => {
      loads.push(directory)
      return directory === "bad"
        ? Effect.fail(new DataError({ message: "no weights" }))
        : acquire(Effect.sync(() => initialise(architecture, 1)))
    })
  return { loads, load }
}

test("an artifact is loaded once for all that hold it at a time, kept for a moment, then freed", async () => {
  const { loads, load } = counting()
  const before = tf.memory().numTensors
  const held = () => tf.memory().numTensors - before
  await Effect.runPromise(
    Effect.gen(function* () {
      const [one, two] = yield* Effect.all([openModel(artifact("x")), openModel(artifact("x"))], {
        concurrency: 2,
      }).pipe(Effect.scoped)
      expect(one).toBe(two)
      const size = held()
      expect(size).toBeGreaterThan(0)
      // The next stage, in the same moment.
      expect(yield* Effect.scoped(openModel(artifact("x")))).toBe(one)
      expect(loads).toEqual(["x"])
      // Made anew in its place: other weights under the same name.
      expect(yield* Effect.scoped(openModel(artifact("x", "b")))).not.toBe(one)
      expect([loads, held()]).toEqual([["x", "x"], 2 * size])
      yield* TestClock.adjust("6 seconds")
      expect(held()).toBe(0)
      yield* Effect.scoped(openModel(artifact("x")))
      expect(loads).toEqual(["x", "x", "x"])
    }).pipe(Effect.provide(Layer.merge(sharedModels(load), TestClock.layer()))),
  )
  expect(held()).toBe(0) // the layer has ended, within the moment
})

test("a failure is not kept", async () => {
  const { loads, load } = counting()
  const open = Effect.flip(Effect.scoped(openModel(artifact("bad"))))
  const errors = await Effect.runPromise(Effect.all([open, open]).pipe(Effect.provide(sharedModels(load))))
  expect(errors.map(({ message }) => message)).toEqual(["no weights", "no weights"])
  expect(loads).toEqual(["bad", "bad"])
})

test("without the layer each scope has a separate model", async () => {
  const { open } = await Effect.runPromise(Effect.service(Models))
  const message = (await Effect.runPromise(Effect.flip(Effect.scoped(open(artifact("/no/such/folder")))))).message
  expect(message).toContain("/no/such/folder")
})

test("a run reads its target once, makes the same artifacts bit by bit, and leaves no tensor", async () => {
  const run = (home: string, models: Layer.Layer<never>) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const graph = yield* graphOf(yield* resolve(tiny, { seeds: [1] }))
        const artifacts = yield* runStages(graph.leaves)
        return artifacts.get(graph.target.key)!.directory
      }).pipe(
        Effect.provide(
          Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent, models),
        ),
      ),
    )
  const [apart, together] = ["apart", "together"].map((name) => mkdtempSync(join(tmpdir(), `winnow-models-${name}-`)))
  const opened: Array<string> = []
  const counted = Layer.effect(
    Models,
    Effect.map(Effect.service(Models), ({ open }) => ({
      open: (of: Artifact) => Effect.tap(open(of), () => Effect.sync(() => opened.push(of.directory))),
    })),
  )
  await run(apart!, counted)
  const before = tf.memory().numTensors
  const loads: Array<string> = []
  const load = (directory: string) => {
    loads.push(directory)
    return loadFrom(directory)
  }
  const target = await run(together!, sharedModels(load))
  expect(tf.memory().numTensors).toBe(before)
  expect(loads.filter((directory) => directory === target)).toHaveLength(1)
  // Rollouts, arms, divisions and measurements each had a target before.
  expect(opened.length).toBeGreaterThan(2 * loads.length)
  expect(storeContents(together!)).toEqual(storeContents(apart!))
})
