/** `winnow experiment [name]`: runs an experiment, or says what it would do. */
import { join } from "node:path"
import { InvalidInput } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import {
  align,
  applySettings,
  experimentNamed,
  findExperiments,
  houseRoot,
  loadExperiment,
  type Plan,
  Progress,
  plan,
  renderTable,
  resolve,
  runExperiment,
  Store,
  short,
} from "@winnow/lab"
import { openEngine } from "@winnow/tensor"
import { Console, Effect, Layer, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { EngineClosed } from "../exit.ts"
import { duration, progressView } from "../progress-view.ts"

const engine = Effect.tryPromise({
  try: () => openEngine(),
  catch: (error) => new EngineClosed({ message: error instanceof Error ? error.message : String(error) }),
})

const names = (text: Option.Option<string>): ReadonlyArray<string> | undefined =>
  Option.getOrUndefined(Option.map(text, (t) => t.split(",").map((name) => name.trim())))

/** @error InvalidInput for what is no list of integers */
const parseSeeds = (text: Option.Option<string>) => {
  const given = names(text)
  const seeds = given?.map(Number)
  return seeds?.every(Number.isSafeInteger) === false || given?.includes("")
    ? Effect.fail(new InvalidInput({ what: `--seeds ${given}`, problems: ["expected integers, such as 1,2,3"] }))
    : Effect.succeed(seeds)
}

const listed = (json: boolean) =>
  Effect.gen(function* () {
    const rows = yield* Effect.forEach(findExperiments(), (found) =>
      Effect.map(loadExperiment(found), ({ name, question, arms, seeds }) => ({
        slug: found.slug,
        name,
        question,
        arms: Object.keys(arms),
        seeds: [...seeds],
      })),
    )
    if (json) return yield* Console.log(JSON.stringify(rows, null, 2))
    const cells = rows.map(({ slug, question, arms, seeds }) => [slug, question, arms.join(", "), seeds.join(", ")])
    yield* Console.log(align([["experiment", "question", "arms", "seeds"], ...cells], new Set([0, 1, 2, 3])))
  })

const optional = (n: number | undefined): string => (n === undefined ? "" : short(n))

/** The plan as people read it. */
export const renderPlan = ({ stages, seconds, guessedLengths }: Plan): string => {
  const cells = stages.map(({ stage, state, key, work, seconds }) => [
    stage,
    state,
    key.slice(0, 10),
    optional(work.parameters),
    work.steps === undefined ? "" : String(work.steps),
    optional(work.tokens),
    seconds === null ? "?" : `${state === "cached" ? "" : "~"}${duration(seconds)}`,
  ])
  const head = ["stage", "state", "key", "parameters", "steps", "tokens", "time"]
  const todo = stages.filter(({ state }) => state !== "cached").length
  const unknown = stages.some((s) => s.state !== "cached" && s.seconds === null) ? ", what has no figure left out" : ""
  return [
    align([head, ...cells], new Set([0, 1, 2])),
    "",
    todo === 0
      ? "Everything is there: a run only prints the table."
      : `${todo} of ${stages.length} stages to do, about ${duration(seconds)} on this machine${unknown}.`,
    ...(guessedLengths ? ["Tokens are a guess until the data is encoded."] : []),
  ].join("\n")
}

const howToGoOn = Effect.sync(() =>
  process.stderr.write(
    "\nStopped. What was done is kept, a stage in the middle at its last checkpoint: run the same command to go on.\n",
  ),
)

/** The command. */
export const experiment = Command.make(
  "experiment",
  {
    name: Argument.String("name").pipe(
      Argument.withDescription("slug, number or name of an experiment; quickstart if left out"),
      Argument.withDefault("quickstart"),
    ),
    list: Flag.Boolean("list").pipe(Flag.withDefault(false), Flag.withDescription("which experiments there are")),
    set: Flag.String("set").pipe(
      Flag.atLeast(0),
      Flag.withMetavar("path=value"),
      Flag.withDescription(
        "change a setting, such as arms.adaspec.filter.k=0.3 or arms.random.filter=none; repeatable",
      ),
    ),
    seeds: Flag.String("seeds").pipe(Flag.optional, Flag.withDescription("seeds in place of the experiment's: 1,2,3")),
    arms: Flag.String("arms").pipe(Flag.optional, Flag.withDescription("only these arms: all-tokens,adaspec")),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDefault(false),
      Flag.withDescription("stages, sizes and estimated time; runs nothing"),
    ),
    fresh: Flag.Boolean("fresh").pipe(
      Flag.withDefault(false),
      Flag.withDescription("make every stage anew, cached or not"),
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDefault(false),
      Flag.withDescription("JSON on stdout, nothing else there"),
    ),
    results: Flag.Directory("results").pipe(
      Flag.withDefault(join(houseRoot, "results")),
      Flag.withDescription("folder of the results"),
    ),
  },
  Effect.fn("experiment")(function* ({ name, list, set, arms, dryRun, fresh, json, results, ...flags }) {
    if (list) return yield* listed(json)
    const found = yield* experimentNamed(name)
    const seeds = yield* parseSeeds(flags.seeds)
    const written = yield* loadExperiment(found)
    const changed = yield* applySettings(written, set)
    const chosen = names(arms)
    const resolved = yield* resolve(changed, { ...(chosen && { arms: chosen }), ...(seeds && { seeds }) })
    yield* engine
    if (dryRun) {
      const planned = yield* plan(resolved).pipe(Effect.provide(Store.layer()))
      return yield* Console.log(json ? JSON.stringify(planned, null, 2) : renderPlan(planned))
    }
    const view = progressView({
      write: (text) => void process.stderr.write(text),
      terminal: process.stderr.isTTY === true,
      columns: process.stderr.columns ?? 100,
    })
    const datasets = datasetsLayer({
      onProgress: ({ file, received }) =>
        view.report({ _tag: "download", file: file.path, done: received, total: file.bytes }),
    })
    const { record, directory, computed } = yield* runExperiment(resolved, { slug: found.slug, results, fresh }).pipe(
      Effect.provide(Layer.mergeAll(Store.layer(), datasets, Layer.succeed(Progress, view))),
      Effect.ensuring(Effect.sync(view.end)),
      Effect.onInterrupt(() => howToGoOn),
    )
    if (json) return yield* Console.log(JSON.stringify(record, null, 2))
    yield* Console.log(renderTable(record))
    const done = computed === 0 ? "nothing had to be computed" : `${computed} stages computed`
    process.stderr.write(`\n${done}; report: ${join(directory, "report.html")}\n`)
  }),
).pipe(Command.withDescription("Run an experiment: train, distil, measure, print and store what the target accepted"))
