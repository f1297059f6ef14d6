/** `winnow`: all commands. */
import { Command } from "effect/cli"
import { adaptCommand } from "./commands/adapt.ts"
import { clean } from "./commands/clean.ts"
import { doctor } from "./commands/doctor.ts"
import { draftCommand } from "./commands/draft.ts"
import { evaluate } from "./commands/evaluate.ts"
import { experiment } from "./commands/experiment.ts"
import { exportCommand } from "./commands/export.ts"
import { generate } from "./commands/generate.ts"
import { logits } from "./commands/logits.ts"
import { model } from "./commands/model.ts"
import { newFolder } from "./commands/new.ts"
import { plugins } from "./commands/plugins.ts"
import { rank } from "./commands/rank.ts"
import { runs } from "./commands/runs.ts"
import { serve } from "./commands/serve.ts"
import { stageCommand } from "./commands/stage.ts"
import { tokens } from "./commands/tokens.ts"
import { watch } from "./commands/watch.ts"

/** The command line, with its subcommands. */
export const winnow = Command.make("winnow").pipe(
  Command.withDescription("A lab for draft models: distil them selectively, measure what the target accepts"),
  Command.withSubcommands([
    experiment,
    evaluate,
    generate,
    serve,
    rank,
    draftCommand,
    runs,
    watch,
    tokens,
    adaptCommand,
    exportCommand,
    newFolder,
    plugins,
    clean,
    doctor,
    model,
    logits,
    stageCommand,
  ]),
)
