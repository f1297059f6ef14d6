/** `winnow experiment [name]`: runs an experiment, or says what it would do. */
import { experimentOf, listExperiments, loadPlugins } from "@winnow/lab"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { experimentFlags, prepareRuns, printPlans, runPrepared } from "../chosen-runs.ts"
import { shownMessage } from "../exit.ts"
import { launcherOf } from "../launchers.ts"
import { renderList } from "../list-view.ts"
import { repeat } from "./repeat.ts"

const listed = (json: boolean) =>
  Effect.gen(function* () {
    const rows = yield* listExperiments()
    if (json) return yield* Console.log(JSON.stringify(rows, null, 2))
    const faults = rows.flatMap(({ fault }) => (fault === null ? [] : [shownMessage(fault)]))
    yield* Console.log([renderList(rows), ...faults].join("\n\n"))
  })

/** The command. */
export const experiment = Command.make(
  "experiment",
  {
    name: Argument.String("name").pipe(
      Argument.withDescription(
        "slug, number or name of an experiment, with /part for one of its parts; or the path of one, with #part; quickstart if left out",
      ),
      Argument.withDefault("quickstart"),
    ),
    list: Flag.Boolean("list").pipe(Flag.withDefault(false), Flag.withDescription("list the experiments")),
    repeat: Flag.String("repeat").pipe(
      Flag.optional,
      Flag.withMetavar("RUN"),
      Flag.withDescription("make this run again from its run.json (a folder, or the beginning of its id) and compare"),
    ),
    ...experimentFlags,
  },
  Effect.fn("experiment")(function* ({ name, list, repeat: again, ...flags }) {
    const { set, arms, dryRun, fresh, verbose, watch, json, results } = flags
    if (list) return yield* listed(json)
    if (Option.isSome(again)) {
      const given = {
        "--set": set.length > 0,
        "--search": flags.search.length > 0,
        "--seeds": Option.isSome(flags.seeds),
        "--arms": Option.isSome(arms),
        "--preset": Option.isSome(flags.preset),
        "--limit": Option.isSome(flags.limit),
        "--dry-run": dryRun,
        "--fresh": fresh,
      }
      const loaded = yield* loadPlugins(flags.plugin)
      const found = name === "quickstart" ? undefined : (yield* experimentOf(name)).found
      const launcher = yield* launcherOf(flags)
      return yield* repeat(again.value, {
        results,
        launcher,
        verbose,
        watch,
        tensorboard: Option.getOrUndefined(flags.tensorboard),
        json,
        given,
        found,
        loaded,
      })
    }
    const prepared = yield* prepareRuns(name, flags)
    yield* dryRun ? printPlans(prepared, flags) : runPrepared(prepared, flags)
  }),
).pipe(Command.withDescription("Run an experiment: train, distil, measure acceptance, print and store the results"))
