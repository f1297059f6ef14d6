/** Runs the experiment that a command names: the flags of all such commands, and their one way from a name to tables. */
import { dirname } from "node:path"
import { brief, cut, didYouMean, InvalidInput } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import {
  applySettings,
  documentOf,
  duration,
  experimentOf,
  type Found,
  isTablesRecord,
  limited,
  loadExperiment,
  loadPlugins,
  Progress,
  plan,
  type Resolved,
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
  withSearch,
  wrap,
} from "@winnow/lab"
import { Console, Effect, Layer, Option } from "effect"
import { Flag } from "effect/cli"
import { engine } from "./engine.ts"
import { Incomplete } from "./exit.ts"
import { launcherFlags, launcherOf } from "./launchers.ts"
import { nearby } from "./nearby.ts"
import { renderPlan } from "./plan-view.ts"
import { viewed } from "./run-view.ts"
import { jsonFlag, resultsFlag, tensorboardFlag, watchFlag } from "./shared-flags.ts"
import { terminalColumns } from "./terminal.ts"

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

/** The parts to run: the named part, or all of them. @error InvalidInput for an unknown part */
const chosenParts = (found: Found, part: string | undefined, preset: string | null) =>
  Effect.flatMap(loadExperiment(found, preset), (parts) => {
    const chosen = part === undefined ? parts : parts.filter((p) => p.part === part)
    if (chosen.length > 0) return Effect.succeed(chosen)
    const names = parts.flatMap((p) => p.part ?? [])
    const have = names.join(", ") || "none: it is one experiment"
    return Effect.fail(
      new InvalidInput({
        what: `experiment ${found.slug}/${part}`,
        problems: [`there is no such part${didYouMean(part ?? "", names) || ";"} there are: ${have}`],
      }),
    )
  })

/** One line for each missing figure. */
const missingText = (missing: RunRecord["missing"]): string =>
  [
    `drafts without figures: ${missing.length}; the same command tries them again:`,
    ...missing.map(({ name, seed, stage, message }) => `  ${name}, seed ${seed}: stage ${stage} failed: ${message}`),
  ].join("\n")

/** The flags that choose and change runs of an experiment. */
export const experimentFlags = {
  set: Flag.String("set").pipe(
    Flag.atLeast(0),
    Flag.withMetavar("path=value"),
    Flag.withDescription("change a setting, such as arms.adaspec.filter.k=0.3 or arms.random.filter=none; repeatable"),
  ),
  search: Flag.String("search").pipe(
    Flag.atLeast(0),
    Flag.withMetavar("path=domain"),
    Flag.withDescription(
      "search settings of each arm, such as optimizer.learningRate=log:0.001..0.03, random=12, trials=24; repeatable, see docs/search.md",
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
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDefault(false),
    Flag.withDescription("stages, sizes and estimated time; runs nothing; with --verbose each stage and its key"),
  ),
  fresh: Flag.Boolean("fresh").pipe(
    Flag.withDefault(false),
    Flag.withDescription("compute every stage again, cached or not"),
  ),
  ...launcherFlags,
  verbose: Flag.Boolean("verbose").pipe(
    Flag.withDefault(false),
    Flag.withDescription("each stage as it runs, examples of the data, all tables and conclusions"),
  ),
  watch: watchFlag,
  tensorboard: tensorboardFlag,
  json: jsonFlag,
  results: resultsFlag,
}

/** The values of these flags. */
type FlagValue<F> = F extends Flag.Flag<infer A> ? A : never
export type ExperimentFlags = { readonly [K in keyof typeof experimentFlags]: FlagValue<(typeof experimentFlags)[K]> }

/** One part of an experiment, ready to run. */
export interface Prepared {
  readonly found: Found
  /** Files of further plugins. */
  readonly files: ReadonlyArray<string>
  readonly runs: ReadonlyArray<{
    readonly part: string | null
    readonly preset: string | null
    readonly resolved: Resolved
  }>
}

/**
 * The runs that a name and flags choose, all checked; nothing has run.
 *
 * @param name of an experiment, with its part, or a path
 * @error InvalidInput for a name, a flag or a setting of none
 */
export const prepareRuns = Effect.fn("experiment.prepare")(function* (name: string, flags: ExperimentFlags) {
  const loaded = yield* loadPlugins(flags.plugin)
  const { found, part } = yield* experimentOf(name)
  const seeds = yield* parseSeeds(flags.seeds)
  if (Option.isSome(flags.limit) && flags.limit.value < 1) {
    const problems = [`found ${flags.limit.value}, expected a number of steps from 1`]
    return yield* new InvalidInput({ what: "--limit", problems })
  }
  const chosen = names(flags.arms)
  const parts = yield* chosenParts(found, part, Option.getOrNull(flags.preset))
  // All are checked before the first is run.
  const runs = yield* Effect.forEach(parts, ({ experiment, ...of }) =>
    Effect.gen(function* () {
      const named = withPlugins(experiment, loaded.plugins)
      const whole = yield* withSearch(yield* applySettings(named, flags.set), flags.search)
      const limit = Option.getOrUndefined(flags.limit)
      const changed = limit === undefined ? whole : limited(whole, limit)
      const options = {
        ...(chosen && { arms: chosen }),
        ...(seeds && { seeds }),
        ...(limit !== undefined && { limit }),
      }
      const resolved = yield* resolve(changed, options)
      return { ...of, resolved }
    }),
  )
  yield* engine
  for (const { resolved } of runs) yield* tryPlugins(resolved)
  return { found, files: loaded.files, runs } satisfies Prepared
})

/** The plans of prepared runs, printed; nothing runs. */
export const printPlans = Effect.fn("experiment.plan")(function* (
  { found, runs }: Prepared,
  { json, verbose, ...flags }: ExperimentFlags,
) {
  const launcher = yield* launcherOf(flags)
  const plans = yield* Effect.forEach(runs, ({ part, resolved }) =>
    Effect.map(plan(resolved), (planned) => ({ part, ...planned })),
  ).pipe(Effect.provide(Layer.mergeAll(Store.layer(), datasetsLayer({ beside: dirname(found.file) }), launcher)))
  if (json) return yield* Console.log(JSON.stringify(plans.length === 1 ? plans[0] : plans, null, 2))
  const texts = plans.map(
    (planned) => `${planned.part === null ? "" : `${planned.part}\n\n`}${renderPlan(planned, { verbose })}`,
  )
  yield* Console.log(texts.join("\n\n"))
})

/** All tables and conclusions of a record. */
const inFull = (record: ReturnType<typeof documentOf>): ReadonlyArray<string> =>
  isTablesRecord(record)
    ? [
        tablesText(record, undefined, terminalColumns()),
        ...record.conclusions
          .filter((text) => text !== record.verdict)
          .map((text) => wrap(text, terminalColumns() ?? Number.POSITIVE_INFINITY)),
      ]
    : [renderTable(record, terminalColumns())]

/**
 * Runs prepared runs, and prints what came out.
 *
 * @param more texts behind the summary of a record; everything if `verbose`, else nothing
 * @error Incomplete for a draft without figures, after all else is printed
 */
export const runPrepared = Effect.fn("experiment.run")(function* (
  { found, files, runs }: Prepared,
  { fresh, verbose, watch, tensorboard, json, results, ...flags }: ExperimentFlags,
  more: (record: ReturnType<typeof documentOf>) => ReadonlyArray<string> = verbose ? inFull : () => [],
) {
  const launcher = yield* launcherOf(flags)
  const began = performance.now()
  const finished = yield* Effect.forEach(runs, ({ part, preset, resolved }) =>
    Effect.gen(function* () {
      const { report } = yield* Progress
      if (part !== null) report({ _tag: "note", text: `part ${part}` })
      const source = { file: found.file, plugins: files }
      return yield* runExperiment(resolved, { slug: found.slug, part, preset, results, fresh, source })
    }),
  ).pipe(Effect.provide(Layer.mergeAll(Store.layer(), RunStore.layer(winnowHome(), [results]), launcher)), (running) =>
    viewed(running, { verbose, watch, tensorboard: Option.getOrUndefined(tensorboard), beside: dirname(found.file) }),
  )
  const records = finished.map(documentOf)
  if (json) yield* Console.log(JSON.stringify(records.length === 1 ? records[0] : records, null, 2))
  else {
    const computed = finished.reduce((sum, run) => sum + run.computed, 0)
    const time = duration((performance.now() - began) / 1000)
    const done = computed === 0 ? "nothing had to be computed" : `${computed} stages computed in ${time}`
    process.stderr.write(`${done}\n`)
    const columns = terminalColumns() ?? 80
    const outputs = finished.flatMap(({ directory }, i) => {
      const record = records[i]!
      const render = isTablesRecord(record)
        ? renderStudySummary(record, nearby(directory), columns)
        : renderSummary(record, nearby(directory), columns)
      return [render, ...more(record)]
    })
    yield* Console.log(outputs.join("\n\n"))
  }
  const missing = records.flatMap(({ missing }) => missing)
  if (missing.length > 0) return yield* new Incomplete({ message: missingText(missing) })
})
