/** `winnow experiment [name]`: runs an experiment, or says what it would do. */
import { dirname } from "node:path"
import { brief, cut, InvalidInput } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import {
  applySettings,
  askedJobs,
  documentOf,
  experimentOf,
  type Found,
  isTablesRecord,
  limited,
  listExperiments,
  loadExperiment,
  loadPlugins,
  Progress,
  plan,
  type RunRecord,
  RunStore,
  renderStudySummary,
  renderSummary,
  renderTable,
  resolve,
  runExperiment,
  Store,
  tablesText,
  tryPlugins,
  winnowHome,
  withPlugins,
} from "@winnow/lab"
import { Console, Effect, Layer, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { engine } from "../engine.ts"
import { Incomplete, shownMessage } from "../exit.ts"
import { renderList } from "../list-view.ts"
import { nearby } from "../nearby.ts"
import { renderPlan } from "../plan-view.ts"
import { viewed } from "../run-view.ts"
import { jsonFlag, resultsFlag } from "../shared-flags.ts"
import { duration } from "../time.ts"
import { repeat } from "./repeat.ts"

const names = (text: Option.Option<string>): ReadonlyArray<string> | undefined =>
  Option.getOrUndefined(Option.map(text, (t) => t.split(",").map((name) => name.trim())))

/** @error InvalidInput for what is no list of integers */
const parseSeeds = (text: Option.Option<string>) => {
  const values = names(text)
  const odd = values?.find((one) => !/^-?\d+$/.test(one) || !Number.isSafeInteger(Number(one)))
  if (odd === undefined) return Effect.succeed(values?.map(Number))
  const problems = [`found ${brief(odd, 40)}, expected integers between -2^53 and 2^53, such as 1,2,3`]
  return Effect.fail(new InvalidInput({ what: `--seeds ${cut(String(values), 80)}`, problems }))
}

const listed = (json: boolean) =>
  Effect.gen(function* () {
    const rows = yield* listExperiments()
    if (json) return yield* Console.log(JSON.stringify(rows, null, 2))
    const faults = rows.flatMap(({ fault }) => (fault === null ? [] : [shownMessage(fault)]))
    yield* Console.log([renderList(rows), ...faults].join("\n\n"))
  })

/** The parts to run: the named part, or all of them. @error InvalidInput for an unknown part */
const chosenParts = (found: Found, part: string | undefined, preset: string | null) =>
  Effect.flatMap(loadExperiment(found, preset), (parts) => {
    const chosen = part === undefined ? parts : parts.filter((p) => p.part === part)
    if (chosen.length > 0) return Effect.succeed(chosen)
    const have = parts.flatMap((p) => p.part ?? []).join(", ") || "none: it is one experiment"
    return Effect.fail(
      new InvalidInput({
        what: `experiment ${found.slug}/${part}`,
        problems: [`there is no such part; there are: ${have}`],
      }),
    )
  })

/** One line for each missing figure. */
const missingText = (missing: RunRecord["missing"]): string =>
  [
    `drafts without figures: ${missing.length}; the same command tries them again:`,
    ...missing.map(({ name, seed, stage, message }) => `  ${name}, seed ${seed}: stage ${stage} failed: ${message}`),
  ].join("\n")

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
    set: Flag.String("set").pipe(
      Flag.atLeast(0),
      Flag.withMetavar("path=value"),
      Flag.withDescription(
        "change a setting, such as arms.adaspec.filter.k=0.3 or arms.random.filter=none; repeatable",
      ),
    ),
    plugin: Flag.String("plugin").pipe(
      Flag.atLeast(0),
      Flag.withMetavar("path|package"),
      Flag.withDescription("a file, folder or package whose plugins --set may name; repeatable"),
    ),
    seeds: Flag.String("seeds").pipe(Flag.optional, Flag.withDescription("seeds in place of the experiment's: 1,2,3")),
    arms: Flag.String("arms").pipe(Flag.optional, Flag.withDescription("only these arms: all-tokens,adaspec")),
    preset: Flag.String("preset").pipe(
      Flag.optional,
      Flag.withDescription("another size of the same question, if the experiment has one: large"),
    ),
    limit: Flag.Int("limit").pipe(
      Flag.optional,
      Flag.withMetavar("N"),
      Flag.withDescription("a smoke run: at most N steps a training, N prompts, 32 tokens a text, the first seed"),
    ),
    repeat: Flag.String("repeat").pipe(
      Flag.optional,
      Flag.withMetavar("RUN"),
      Flag.withDescription("make this run again from its run.json (a folder, or the beginning of its id) and compare"),
    ),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDefault(false),
      Flag.withDescription("stages, sizes and estimated time; runs nothing; with --verbose each stage and its key"),
    ),
    fresh: Flag.Boolean("fresh").pipe(
      Flag.withDefault(false),
      Flag.withDescription("compute every stage again, cached or not"),
    ),
    jobs: Flag.Int("jobs").pipe(
      Flag.optional,
      Flag.withDescription(
        "processes that run stages at once, each on its share of the cores; as many as cores and memory allow if left out",
      ),
    ),
    verbose: Flag.Boolean("verbose").pipe(
      Flag.withDefault(false),
      Flag.withDescription("each stage as it runs, examples of the data, all tables and conclusions"),
    ),
    json: jsonFlag,
    results: resultsFlag,
  },
  Effect.fn("experiment")(function* ({ name, list, set, arms, dryRun, fresh, verbose, json, results, ...flags }) {
    if (list) return yield* listed(json)
    const jobs = yield* askedJobs(Option.getOrUndefined(flags.jobs))
    const loaded = yield* loadPlugins(flags.plugin)
    if (Option.isSome(flags.repeat)) {
      const given = {
        "--set": set.length > 0,
        "--seeds": Option.isSome(flags.seeds),
        "--arms": Option.isSome(arms),
        "--preset": Option.isSome(flags.preset),
        "--limit": Option.isSome(flags.limit),
        "--dry-run": dryRun,
        "--fresh": fresh,
      }
      const found = name === "quickstart" ? undefined : (yield* experimentOf(name)).found
      return yield* repeat(flags.repeat.value, { results, jobs, verbose, json, given, found, loaded })
    }
    const { found, part } = yield* experimentOf(name)
    const beside = dirname(found.file)
    const seeds = yield* parseSeeds(flags.seeds)
    if (Option.isSome(flags.limit) && flags.limit.value < 1) {
      const problems = [`found ${flags.limit.value}, expected a number of steps from 1`]
      return yield* new InvalidInput({ what: "--limit", problems })
    }
    const chosen = names(arms)
    const parts = yield* chosenParts(found, part, Option.getOrNull(flags.preset))
    // All are checked before the first is run.
    const runs = yield* Effect.forEach(parts, ({ experiment, ...of }) =>
      Effect.gen(function* () {
        const named = withPlugins(experiment, loaded.plugins)
        const whole = yield* applySettings(named, set)
        const changed = Option.match(flags.limit, { onNone: () => whole, onSome: (n) => limited(whole, n) })
        const resolved = yield* resolve(changed, { ...(chosen && { arms: chosen }), ...(seeds && { seeds }) })
        return { ...of, resolved }
      }),
    )
    yield* engine
    for (const { resolved } of runs) yield* tryPlugins(resolved)
    if (dryRun) {
      const plans = yield* Effect.forEach(runs, ({ part, resolved }) =>
        Effect.map(plan(resolved), (planned) => ({ part, ...planned })),
      ).pipe(Effect.provide(Layer.merge(Store.layer(), datasetsLayer({ beside }))))
      if (json) return yield* Console.log(JSON.stringify(plans.length === 1 ? plans[0] : plans, null, 2))
      const texts = plans.map(
        (planned) => `${planned.part === null ? "" : `${planned.part}\n\n`}${renderPlan(planned, { verbose })}`,
      )
      return yield* Console.log(texts.join("\n\n"))
    }
    const began = performance.now()
    const finished = yield* Effect.forEach(runs, ({ part, preset, resolved }) =>
      Effect.gen(function* () {
        const { report } = yield* Progress
        if (part !== null) report({ _tag: "note", text: `part ${part}` })
        const parallel = { jobs, file: found.file, plugins: loaded.files }
        return yield* runExperiment(resolved, { slug: found.slug, part, preset, results, fresh, parallel })
      }),
    ).pipe(Effect.provide(Layer.merge(Store.layer(), RunStore.layer(winnowHome(), [results]))), (running) =>
      viewed(running, { verbose, beside }),
    )
    const records = finished.map(documentOf)
    if (json) yield* Console.log(JSON.stringify(records.length === 1 ? records[0] : records, null, 2))
    else {
      const computed = finished.reduce((sum, run) => sum + run.computed, 0)
      const time = duration((performance.now() - began) / 1000)
      const done = computed === 0 ? "nothing had to be computed" : `${computed} stages computed in ${time}`
      process.stderr.write(`${done}\n`)
      const columns = process.stdout.columns ?? 80
      const outputs = finished.map(({ directory }, i) => {
        const record = records[i]!
        return isTablesRecord(record)
          ? [
              renderStudySummary(record, nearby(directory), columns),
              ...(verbose
                ? [tablesText(record, undefined), ...record.conclusions.filter((text) => text !== record.verdict)]
                : []),
            ]
          : [renderSummary(record, nearby(directory), columns), ...(verbose ? [renderTable(record)] : [])]
      })
      yield* Console.log(outputs.map((texts) => texts.join("\n\n")).join("\n\n"))
    }
    const missing = records.flatMap(({ missing }) => missing)
    if (missing.length > 0) return yield* new Incomplete({ message: missingText(missing) })
  }),
).pipe(Command.withDescription("Run an experiment: train, distil, measure acceptance, print and store the results"))
