/** The part of a further process in a stage that several share: it runs the steps, and keeps nothing. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Datasets } from "@winnow/core"
import { Effect } from "effect"
import { withMachineErrors } from "../machine-errors.ts"
import type { StageError } from "../stage.ts"
import type { Ready } from "./run-stage.ts"

const nothing = () => {}

/**
 * Takes part in a stage that rank 0 of this process's group runs by `runStage`. It writes to a folder of its
 * own, which is removed.
 */
export const takePart = ({
  stage,
  inputs,
}: Pick<Ready, "stage" | "inputs">): Effect.Effect<void, StageError, Datasets> =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "winnow-part-"))),
    (directory) => {
      const silent = { progress: nothing, note: nothing, warn: nothing, metric: nothing }
      return Effect.asVoid(stage.run({ key: stage.key, directory, inputs, ...silent })).pipe(
        withMachineErrors(directory),
      )
    },
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true })),
  )
