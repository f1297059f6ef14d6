/** An experiment on a file of prompts as other processes run its stages. */
import { join } from "node:path"
import { InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { Launcher } from "../launch/launcher.ts"
import type { Launchable } from "../run.ts"

/** Its file, with those of further plugins that it names. */
export const promptsSource = (plugins: ReadonlyArray<string> = []): NonNullable<Launchable["source"]> => ({
  file: join(import.meta.dir, "prompts-experiment.ts"),
  plugins,
})

/** @error InvalidInput for processes that would share a step of one batch */
export const checkProcesses = ({
  microBatches = 1,
}: {
  readonly microBatches?: number | undefined
}): Effect.Effect<void, InvalidInput> =>
  Effect.gen(function* () {
    const { devices = 1 } = yield* Launcher
    if (devices === 1 || microBatches > 1) return
    const problems = [
      `each process takes whole micro-batches, and a step has one; add --micro-batches ${devices} with a smaller ` +
        "--batch-size, or leave out --devices",
    ]
    return yield* new InvalidInput({ what: `--devices ${devices}`, problems })
  })
