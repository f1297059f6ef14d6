/** Obtains one stage in this process: from the store, or by running it under its lock. */
import { join } from "node:path"
import type { Datasets } from "@winnow/core"
import { Effect } from "effect"
import { withMachineErrors } from "../machine-errors.ts"
import { type At, Progress } from "../progress.ts"
import type { Stage, StageError } from "../stage.ts"
import { type Artifact, hasCheckpoint, Store } from "../store/store.ts"
import { addEvent, beginEvents, continueEvents, endEvents } from "./events.ts"

/** The conditions under which a run computes its stages. */
export interface Making {
  /** Compute every stage again, stored or not. */
  readonly fresh: boolean
  /** Written into the manifests of new artifacts. */
  readonly versions: Record<string, unknown>
}

/** A stage that can run: the artifacts of its inputs exist, in their order. */
export interface Ready {
  readonly stage: Stage
  readonly inputs: ReadonlyArray<Artifact>
  readonly at: At
  /** True if it may use all cores, because the rest of the run waits for it. */
  readonly wide?: boolean
}

/** An artifact with the fields that hold for this process today, whichever process made it. */
export const seenToday = (artifact: Artifact, { today }: Stage): Artifact => {
  const { manifest } = artifact
  return { ...artifact, manifest: { ...manifest, summary: { ...manifest.summary, ...today } } }
}

/**
 * Obtains the artifact of a stage, and reports progress. @error FileError where the disk or memory refuses, at any
 * point
 */
export const runStage = (
  { stage, inputs, at }: Ready,
  { fresh, versions }: Making,
): Effect.Effect<Artifact, StageError, Datasets | Store | Progress> =>
  Effect.gen(function* () {
    const store = yield* Store
    const { report } = yield* Progress
    const { continues } = stage
    // Without the bytes that it was trained from it is another training.
    const before = continues && (yield* store.seek(continues.kind, continues.key, inputs))
    const run = (directory: string) =>
      Effect.suspend(() => {
        if (before !== undefined) continueEvents(directory, before)
        beginEvents(directory)
        report({ _tag: "started", ...at, resuming: hasCheckpoint(directory) })
        return stage.run({
          key: stage.key,
          directory,
          inputs,
          before,
          progress: (done, total, detail = "") => report({ _tag: "progress", ...at, done, total, detail }),
          note: (text) => report({ _tag: "note", text: `${stage.label}: ${text}`, detail: true }),
          warn: (text) => report({ _tag: "note", text: `${stage.label}: ${text}` }),
          metric: (event) => addEvent(directory, event),
        })
      }).pipe(Effect.tap(() => Effect.sync(() => endEvents(directory))))
    const onWait = (holder: string) => report({ _tag: "waiting", ...at, holder })
    const onNote = (text: string) => report({ _tag: "note", text })
    const { kind, key, made } = stage
    const making = {
      stage: kind,
      key,
      made,
      inputs,
      versions,
      fresh,
      spent: before?.manifest.seconds,
      onWait,
      onNote,
      run,
    }
    const obtained = store.obtain(making).pipe(withMachineErrors(join(store.root, kind, key)))
    return seenToday(yield* obtained, stage)
  })
