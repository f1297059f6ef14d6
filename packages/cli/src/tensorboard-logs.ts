/** A command with TensorBoard logs: `--tensorboard DIR`. */
import { accessSync, constants, mkdirSync } from "node:fs"
import { resolve } from "node:path"
import { InvalidInput } from "@winnow/core"
import { type ProgressEvent, TensorBoardRun } from "@winnow/lab"
import { Effect, type Scope } from "effect"
import type { View } from "./screen.ts"

/** Milliseconds between two looks at a run. */
const EVERY = 2000

/**
 * The view, with TensorBoard logs of the runs for the lifetime of the scope. Logs that cannot be written stop no run. Needs
 * the engine once a run has begun.
 *
 * @error InvalidInput for a folder that cannot be made or written
 */
export const withTensorBoard = (view: View, folder: string): Effect.Effect<View, InvalidInput, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = resolve(folder)
    yield* Effect.try({
      try: () => {
        mkdirSync(directory, { recursive: true })
        accessSync(directory, constants.W_OK)
      },
      catch: (error) => {
        const problems = [`expected a folder that can be written: ${(error as Error).message}`]
        return new InvalidInput({ what: `--tensorboard ${folder}`, problems })
      },
    })
    let run: TensorBoardRun | undefined
    const use = (what: (run: TensorBoardRun) => void) => {
      if (run === undefined) return
      try {
        what(run)
      } catch (error) {
        const broken = run
        run = undefined
        try {
          broken.free()
        } catch {
          // The first error is told.
        }
        view.report({ _tag: "note", text: `the TensorBoard logs of this run end here: ${(error as Error).message}` })
      }
    }
    const end = () => {
      use((of) => of.close())
      run = undefined
    }
    const timer = setInterval(() => use((of) => of.refresh()), EVERY)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        clearInterval(timer)
        end()
      }),
    )
    const report = (event: ProgressEvent) => {
      view.report(event)
      if (event._tag !== "begun" || event.log === null) return
      end()
      run = new TensorBoardRun(directory, event.log)
    }
    return { ...view, report }
  })
