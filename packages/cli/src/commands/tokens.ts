/** `winnow tokens RUN`: the token page of a finished run. */
import { dirname, join, resolve } from "node:path"
import { FileError, fileErrorOf, writeWhole } from "@winnow/files"
import {
  experimentOf,
  findExperiments,
  loadPlugins,
  RunStore,
  readRun,
  tokensOf,
  tokensPage,
  winnowHome,
} from "@winnow/lab"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { engine } from "../engine.ts"
import { nearby } from "../nearby.ts"
import { viewed } from "../run-view.ts"
import { jsonFlag, resultsFlag } from "../shared-flags.ts"
import { sized } from "../sized.ts"

/** The command; `--json` prints the page's data instead of writing a page. */
export const tokens = Command.make(
  "tokens",
  {
    run: Argument.String("RUN").pipe(
      Argument.withDescription("the beginning of a run's id, or its folder (results/NNN-slug/RUN)"),
    ),
    arms: Flag.String("arms").pipe(
      Flag.optional,
      Flag.withDescription("these arms, in this order: all-tokens,adaspec; all if left out"),
    ),
    seed: Flag.Int("seed").pipe(Flag.optional, Flag.withDescription("the run's first if left out")),
    prompts: Flag.Int("prompts").pipe(
      Flag.withDefault(16),
      Flag.withDescription("texts of the target that the page shows, from the first prompt on"),
    ),
    to: Flag.String("to").pipe(
      Flag.optional,
      Flag.withMetavar("FILE"),
      Flag.withDescription("the page's file; tokens.html in the run's folder if left out"),
    ),
    experiment: Flag.String("experiment").pipe(
      Flag.optional,
      Flag.withDescription("the experiment's file, where it is no folder of experiments/"),
    ),
    plugin: Flag.String("plugin").pipe(
      Flag.atLeast(0),
      Flag.withMetavar("path|package"),
      Flag.withDescription("a file, folder or package whose plugins the run used; repeatable"),
    ),
    results: resultsFlag,
    json: jsonFlag,
  },
  Effect.fn("tokens")(function* ({ run, prompts, results, json, ...flags }) {
    const home = winnowHome()
    const { directory } = yield* Effect.flatMap(RunStore, ({ find }) => find(run)).pipe(
      Effect.provide(RunStore.layer(home, [results])),
    )
    yield* engine
    const named = Option.getOrUndefined(flags.experiment)
    const found = named === undefined ? undefined : (yield* experimentOf(named)).found
    const loaded = yield* loadPlugins(flags.plugin)
    const { written } = yield* readRun(directory)
    const at = found ?? findExperiments().find(({ slug }) => slug === written.experiment)
    const arms = Option.getOrUndefined(flags.arms)
      ?.split(",")
      .map((name) => name.trim())
    const request = { directory, home, arms, seed: Option.getOrUndefined(flags.seed), prompts, found, loaded }
    const document = yield* viewed(tokensOf(request), { verbose: false, beside: at && dirname(at.file) })
    if (json) return yield* Console.log(JSON.stringify(document))
    const file = resolve(Option.getOrElse(flags.to, () => join(directory, "tokens.html")))
    const html = yield* Effect.promise(() => tokensPage(document))
    yield* Effect.try({
      try: () => writeWhole(file, html),
      catch: (error) => fileErrorOf(error, file) ?? new FileError(file, String(error)),
    })
    const names = document.sets[0]!.arms.map(({ name }) => name).join(", ")
    yield* Console.log(`${nearby(file)}  ${sized(html.length)}\nseed ${document.seed}: ${names}`)
  }),
).pipe(Command.withDescription("A page of texts token by token: kept, accepted, losses, the filter's statistics"))
