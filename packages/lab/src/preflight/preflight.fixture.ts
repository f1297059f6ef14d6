/** Plans and runs of the tiny experiment, with their refusals and notes, for the tests of preflight. */
import { expect } from "bun:test"
import { existsSync, mkdtempSync, readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { everything, squares, tiny } from "../../test/tiny.ts"
import { plan } from "../estimate.ts"
import { arm, type Experiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { applySettings } from "../experiment/settings.ts"
import { Progress, type ProgressEvent } from "../progress.ts"
import { runExperiment } from "../run.ts"
import { Store } from "../store/store.ts"

/** Options of a plugin that has none. */
export const none = type({ "+": "reject" })
/** Settings of a short training. */
export const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }
/** An empty folder for a store. */
export const newHome = () => mkdtempSync(join(tmpdir(), "winnow-preflight-"))
/** The services of a run, with its store in `home`. */
export const layers = (home: string, report = (_: ProgressEvent) => {}) =>
  Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Layer.succeed(Progress, { report }))
/** Code as Bun runs it: without its types. */
export const untyped = <T>(value: unknown): T => value as T

/** The tiny experiment with the arm `mine`. */
export const withArm = (more: object): Experiment => ({
  ...tiny,
  arms: { ...tiny.arms, mine: arm({ filter: everything(), loss: squares(), ...budget, ...more }) },
})

/** The common refusal of a run and of a plan; neither may have computed an artifact. */
export const refusal = async (experiment: Experiment): Promise<string> => {
  const home = newHome()
  const resolved = await Effect.runPromise(resolve(experiment))
  const run = runExperiment(resolved, { slug: "000-tiny", results: join(home, "results") })
  const error = await Effect.runPromise(Effect.flip(run).pipe(Effect.provide(layers(home))))
  expect(error._tag).toBe("InvalidInput")
  const artifacts = join(home, "artifacts")
  expect(existsSync(artifacts) ? readdirSync(artifacts) : []).toEqual([])
  const planned = await Effect.runPromise(Effect.flip(plan(resolved)).pipe(Effect.provide(layers(home))))
  expect(planned.message).toBe(error.message)
  return error.message
}

/** The notes of a plan. */
export const notesOf = async (
  experiment: Experiment,
  ...settings: ReadonlyArray<string>
): Promise<ReadonlyArray<string>> => {
  const planned = applySettings(experiment, settings).pipe(
    Effect.flatMap((e) => resolve(e)),
    Effect.flatMap(plan),
    Effect.provide(layers(newHome())),
  )
  return (await Effect.runPromise(planned)).notes
}
