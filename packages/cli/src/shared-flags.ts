/** Flags that several commands have. */
import { join } from "node:path"
import { houseRoot } from "@winnow/lab/outside"
import { Flag } from "effect/cli"

/** `--results`: the folder of the results, that of this checkout if left out. */
export const resultsFlag = Flag.Directory("results").pipe(
  Flag.withDefault(join(houseRoot, "results")),
  Flag.withDescription("folder of the results"),
)

/** `--json` of a command whose stdout is then one JSON document. */
export const jsonFlag = Flag.Boolean("json").pipe(
  Flag.withDefault(false),
  Flag.withDescription("JSON on stdout, nothing else there"),
)
