/** `winnow draft`: a draft for a target, from a file of prompts, in a budget of minutes. */
import { basename, join, relative, resolve } from "node:path"
import type { LossUse } from "@winnow/core"
import { writeWhole } from "@winnow/files"
import {
  type DraftRequest,
  draftFigures,
  draftPage,
  draftVerdict,
  type MadeDraft,
  makeDraft,
  planDraft,
  Store,
  sizesText,
} from "@winnow/lab"
import { loadPlugins, pluginFile, pluginFrom, wrap } from "@winnow/lab/outside"
import { Console, Effect, Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { engine } from "../engine.ts"
import { launcherOf, oneByOneFlags } from "../launchers.ts"
import { aModel, familyFlag, namedFolder, withFamilies } from "../model.ts"
import { nearby } from "../nearby.ts"
import { viewed } from "../run-view.ts"
import { described, jsonFlag, tensorboardFlag, trainingFlags, watchFlag } from "../shared-flags.ts"
import { plural } from "../sized.ts"

/** The verdict, the folders and the next commands. */
export const draftReport = (made: MadeDraft, target: string, page: string, columns = 80): string => {
  const [draft, at] = [nearby(made.directory), nearby(target)]
  const { plan } = made
  return [
    wrap(draftVerdict(draftFigures(made)), columns),
    `draft   ${draft}`,
    `page    ${nearby(page)}`,
    `report  ${nearby(join(made.run, "report.html"))}`,
    `size ${plan.chosen}, ${plan.steps!.count} steps on ${plan.prompts} texts of the target; ${plural(made.computed, "stage")} computed`,
    `try it: bun run winnow serve --target ${at} --draft ${draft}`,
  ].join("\n")
}

/** The command; `--json` prints the plan, or with it the folders and the figures. */
export const draftCommand = Command.make(
  "draft",
  {
    target: described(Flag.String("target"), `the model to speed up: ${aModel}`),
    prompts: described(
      Flag.String("prompts").pipe(Flag.withMetavar("FILE")),
      'prompts as it will get them, one JSON object a line: {"prompt": "..."}',
    ),
    minutes: described(Flag.Finite("minutes").pipe(Flag.withDefault(30)), "of text, training and figures, about"),
    to: described(
      Flag.String("to").pipe(Flag.optional, Flag.withMetavar("DIR")),
      "gets plan, run, draft and page; draft-NAME of the target if left out",
    ),
    plan: described(Flag.Boolean("plan").pipe(Flag.withDefault(false)), "the table of sizes alone; writes nothing"),
    size: described(
      Flag.String("size").pipe(Flag.optional, Flag.withMetavar("NAME")),
      "of the table; the recommended one if left out",
    ),
    maxNew: described(Flag.Int("max-new").pipe(Flag.withDefault(128)), "most tokens of a text"),
    maxLength: trainingFlags.maxLength,
    batchSize: trainingFlags.batchSize,
    learningRate: described(
      Flag.Finite("learning-rate").pipe(Flag.optional),
      "at its height; 0.003, less for widths above 256, if left out",
    ),
    loss: trainingFlags.loss,
    seed: described(Flag.Int("seed").pipe(Flag.withDefault(0)), "of texts, weights and their order"),
    eos: trainingFlags.eos,
    plugin: familyFlag,
    ...oneByOneFlags,
    verbose: trainingFlags.verbose,
    watch: watchFlag,
    tensorboard: tensorboardFlag,
    json: jsonFlag,
  },
  Effect.fn("draft")(function* ({
    plugin,
    json,
    verbose,
    watch,
    tensorboard,
    plan,
    to,
    size,
    eos,
    learningRate,
    loss,
    ...flags
  }) {
    const target = (yield* namedFolder(flags.target)).folder
    const launcher = yield* launcherOf(flags)
    const request: DraftRequest = {
      ...flags,
      ...{ target, prompts: resolve(flags.prompts) },
      to: resolve(Option.getOrElse(to, () => `draft-${basename(target)}`)),
      size: Option.getOrUndefined(size),
      learningRate: Option.getOrUndefined(learningRate),
      eos: Option.getOrUndefined(eos),
      // The kind is checked, and a plugin of this kind has no other type.
      loss: (yield* pluginFrom("loss", `--loss ${loss}`, loss)) as LossUse<unknown>,
      plugins: [...(yield* loadPlugins(plugin)).files, yield* pluginFile("loss", `--loss ${loss}`, loss)],
    }
    yield* engine
    if (plan) {
      const planned = yield* withFamilies(plugin, planDraft(request))
      const columns = Math.min(100, process.stdout.columns ?? 80)
      const lines = sizesText(planned).flatMap((line) => (line.includes("  ") ? [line] : wrap(line, columns)))
      const chosen = `recommended: ${planned.chosen} (the same command without --plan makes it)`
      return yield* Console.log(json ? JSON.stringify(planned) : [...lines, "", chosen].join("\n"))
    }
    const making = makeDraft(request).pipe(Effect.provide(Layer.merge(Store.layer(), launcher)))
    const made = yield* withFamilies(
      plugin,
      viewed(making, { verbose, watch, tensorboard: Option.getOrUndefined(tensorboard) }),
    )
    const page = join(request.to, "README.md")
    const at = { target: nearby(target), prompts: nearby(request.prompts), to: nearby(request.to) }
    const names = {
      ...{ target: at.target, draft: nearby(made.directory) },
      report: relative(request.to, join(made.run, "report.html")),
      command: `bun run winnow draft --target ${at.target} --prompts ${at.prompts} --minutes ${request.minutes} --to ${at.to}`,
    }
    writeWhole(page, draftPage(made, names))
    const { directory, run, computed } = made
    yield* Console.log(
      json
        ? JSON.stringify({ directory, run, page, computed, figures: draftFigures(made), plan: made.plan })
        : draftReport(made, target, page, Math.min(100, process.stdout.columns ?? 80)),
    )
  }),
).pipe(
  Command.withDescription("A draft for a target: sizes by cost, a training on the target's text, figures, the folder"),
)
