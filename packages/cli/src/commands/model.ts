/** `winnow model DIR`: shows the contents of a model folder, the used part of it, and its memory. */
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { aModel, familyFlag, withFamilies } from "../model.ts"
import { computeModelFacts } from "./model-facts.ts"
import { modelReport } from "./model-report.ts"

/** The command; `--json` prints the `ModelAnswer` on one line. */
export const model = Command.make(
  "model",
  {
    directory: Argument.String("DIR").pipe(Argument.withDescription(aModel)),
    json: Flag.Boolean("json").pipe(
      Flag.withDefault(false),
      Flag.withDescription("all facts as JSON, with every parameter"),
    ),
    plugin: familyFlag,
  },
  Effect.fn("model")(function* ({ directory, json, plugin }) {
    const facts = yield* withFamilies(plugin, computeModelFacts(directory))
    yield* Console.log(json ? JSON.stringify(facts) : modelReport(facts))
  }),
).pipe(
  Command.withDescription("Show the facts of a model folder: parameters, memory, used and ignored settings, tokenizer"),
)
