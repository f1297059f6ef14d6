/** `winnow`: the command line. */
import { Command } from "effect/cli"
import { doctor } from "./commands/doctor.ts"
import { evaluate } from "./commands/evaluate.ts"
import { experiment } from "./commands/experiment.ts"
import { logits } from "./commands/logits.ts"
import { runs } from "./commands/runs.ts"
import { withExitCodes } from "./exit.ts"
import { runMain } from "./platform.ts"

const winnow = Command.make("winnow").pipe(
  Command.withDescription("A lab for draft models: distil them selectively, measure what the target accepts"),
  Command.withSubcommands([experiment, evaluate, runs, doctor, logits]),
)

if (import.meta.main) winnow.pipe(Command.run({ version: "0.1.0" }), withExitCodes, runMain)
