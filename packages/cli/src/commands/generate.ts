/** `winnow generate`: prints a text of a target, with a draft or without, while the target writes it. */
import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { shownMessage } from "../exit.ts"
import { withFamilies } from "../model.ts"
import { described, jsonFlag, optional } from "../shared-flags.ts"
import { shownAs, wantsColour } from "../text/token-kinds.ts"
import type { Piece } from "../text/write-text.ts"
import { generationReport, legend } from "./generate-report.ts"
import { computeGeneration } from "./generate-run.ts"
import { samplingFlags, writerFlags, writerRequestOf } from "./text-flags.ts"

/** Writes pieces to stdout; a terminal gets no control characters of a model. */
const writer = (show: boolean, colour: boolean) => {
  const clean = process.stdout.isTTY === true ? shownMessage : (text: string) => text
  return ({ text, kind }: Piece): void => {
    if (text !== "") process.stdout.write(show ? shownAs(clean(text), kind, colour) : clean(text))
  }
}

/** The command: the text on stdout, all else on stderr; `--json` prints the `Generated`, alone on stdout. */
export const generate = Command.make(
  "generate",
  {
    ...writerFlags,
    prompt: described(Flag.String("prompt"), "the text to go on with, as it stands"),
    ...samplingFlags,
    maxNew: described(Flag.Int("max-new").pipe(Flag.withDefault(128)), "most tokens"),
    show: described(
      Flag.Boolean("show").pipe(Flag.withDefault(false)),
      "each token by how it came about: accepted, corrected, bonus",
    ),
    compare: described(
      Flag.Boolean("compare").pipe(Flag.withDefault(true)),
      "afterwards time the beginning of the text by the target alone; --no-compare",
    ),
    seed: described(Flag.Int("seed").pipe(Flag.withDefault(0)), "of what is sampled"),
    json: jsonFlag,
  },
  Effect.fn("generate")(function* (flags) {
    const { json, show, plugin, prompt, specialTokens, temperature, topK, topP, maxNew, seed, compare } = flags
    const request = {
      ...(yield* writerRequestOf(flags)),
      ...{ prompt, specialTokens, temperature, maxNew, seed, compare },
      ...optional("topK", topK),
      ...optional("topP", topP),
    }
    const colour = wantsColour(process.stdout, process.env)
    const generated = yield* withFamilies(plugin, computeGeneration(request, json ? undefined : writer(show, colour)))
    if (json) return yield* Console.log(JSON.stringify(generated))
    process.stdout.write("\n")
    const lines = [...(show ? legend(generated, wantsColour(process.stderr, process.env)) : [])]
    yield* Console.error(
      ["", ...lines, generationReport(generated, Math.min(100, process.stderr.columns ?? 80))].join("\n"),
    )
  }),
).pipe(
  Command.withDescription("A text of a target as it is written, with a draft or without, and what the draft gained"),
)
