/** The plan of a run before it starts: `--dry-run`. */

import { type DataError, type Datasets, InvalidInput } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import type { Resolved } from "./experiment/resolved.ts"
import { buildGraph } from "./graph.ts"
import { Launcher } from "./launch/launcher.ts"
import { secondsLike } from "./pace.ts"
import { checkDevices } from "./preflight/devices.ts"
import { checkDisk, type DiskNeed } from "./preflight/disk.ts"
import { settingsNotes } from "./preflight/settings-notes.ts"
import { checkTasks } from "./preflight/task-examples.ts"
import { tryPlugins } from "./preflight/try-plugins.ts"
import { checkModels, judgedBefore, sizesFrom } from "./run.ts"
import { inOrder, ownFlops, type Stage, type Work } from "./stage.ts"
import type { Manifest } from "./store/manifest.ts"
import { type Artifact, Store } from "./store/store.ts"
import { readTexts } from "./texts.ts"
import { untoldPlugins } from "./untold.ts"
import { whyOf } from "./why.ts"

export interface PlannedStage {
  readonly stage: string
  readonly kind: string
  readonly key: string
  readonly state: "cached" | "to resume" | "to do"
  readonly work: Work
  /** Seconds that it took, or will take; null if unknown. */
  readonly seconds: number | null
  /**
   * The reason why there is no artifact: the options, inputs and files that differ from the nearest one; null if there
   * is one.
   */
  readonly why: string | null
  /** The source of the seconds. */
  readonly basis: "taken" | "stages like it" | "a matrix product" | "unknown"
}

export interface Plan {
  readonly stages: ReadonlyArray<PlannedStage>
  /** Totals of the stages that have to run. */
  readonly seconds: number
  /** The caches of signals to write; left out where there are none, or their size is not known. */
  readonly disk?: DiskNeed | undefined
  /** True if the length of the examples is a guess, because the data is not encoded yet. */
  readonly guessedLengths: boolean
  /** Notes on settings that are valid and probably a mistake. */
  readonly notes: ReadonlyArray<string>
}

/**
 * FLOP/s of a product of the size in small models: the best of ten, as other work can only slow a product; needs the
 * engine.
 */
const measuredRate = (): number => {
  const [n, d, m] = [2048, 256, 1024]
  const best = tf.tidy(() => {
    const [a, b] = [tf.randomNormal([n, d]), tf.randomNormal([d, m])]
    const times = Array.from({ length: 10 }, () => {
      const began = performance.now()
      tf.slice(tf.matMul(a, b), [0, 0], [1, 1]).dataSync() // This waits for the product.
      return performance.now() - began
    })
    return Math.min(...times)
  })
  return (2 * n * d * m) / (best / 1000)
}

/**
 * Share of a matrix product's rate that a training step of a small model reaches: norms, softmaxes, attention and copies
 * take the rest. Between 0.2 (drafts of 0.1M parameters on text) and 0.6 (targets of 2M) here; only used where no stage
 * of the kind has run.
 */
const stepEfficiency = 0.4

/** The stages of a run with their sizes and states, and the time that the missing ones will take. */
export const plan = (resolved: Resolved): Effect.Effect<Plan, InvalidInput | DataError, Store | Datasets> =>
  Effect.gen(function* () {
    const store = yield* Store
    const ofDevices = yield* checkDevices(resolved, (yield* Launcher).devices)
    const untried = yield* tryPlugins(resolved)
    const texts = yield* readTexts(resolved)
    const ofTasks = yield* checkTasks(resolved, texts)
    let guessedLengths = false
    const sizesOf = (data: Stage) => {
      const sizes = sizesFrom(store.find(data.kind, data.key))
      guessedLengths ||= sizes === undefined
      return sizes
    }
    const graph = yield* buildGraph(resolved, texts, sizesOf, judgedBefore(store))
    yield* checkModels(resolved, texts, graph)
    if (sizesFrom(store.find(graph.data.kind, graph.data.key))?.examples === 0) {
      const problem = `all examples are longer than ${resolved.maxLength} tokens, none is left; raise maxLength`
      return yield* new InvalidInput({ what: "preflight", problems: [problem] })
    }
    const disk = yield* checkDisk([...graph.trials, ...graph.leaves])
    const manifests = new Map<string, ReadonlyArray<Manifest>>()
    const manifestsOf = (kind: string) => {
      const ofKind = manifests.get(kind) ?? store.manifests(kind)
      manifests.set(kind, ofKind)
      return ofKind
    }
    let rate: number | undefined
    const planned = (stage: Stage, artifact: Artifact | undefined): PlannedStage => {
      const common = { stage: stage.label, kind: stage.kind, key: stage.key, work: stage.work }
      if (artifact) return { ...common, state: "cached", why: null, seconds: artifact.manifest.seconds, basis: "taken" }
      const why = whyOf(stage, store, manifestsOf(stage.kind))
      const state = store.partial(stage.kind, stage.key) ? "to resume" : "to do"
      const seconds = secondsLike(stage, manifestsOf(stage.kind))
      if (seconds !== undefined) return { ...common, state, why, seconds, basis: "stages like it" }
      if (stage.work.flops === undefined) return { ...common, state, why, seconds: null, basis: "unknown" }
      rate ??= measuredRate()
      return { ...common, state, why, seconds: ownFlops(stage) / (rate * stepEfficiency), basis: "a matrix product" }
    }
    const stages = yield* Effect.forEach(inOrder([...graph.trials, ...graph.leaves]), (stage) =>
      Effect.map(store.seek(stage.kind, stage.key), (artifact) => planned(stage, artifact)),
    )
    const seconds = stages.reduce((sum, s) => sum + (s.state === "cached" ? 0 : (s.seconds ?? 0)), 0)
    const ofSettings = settingsNotes(resolved, graph.architectures)
    const notes = [...untoldPlugins(resolved), ...untried, ...ofDevices, ...ofSettings, ...ofTasks]
    return { stages, seconds, guessedLengths, notes, ...(disk && { disk }) }
  })
