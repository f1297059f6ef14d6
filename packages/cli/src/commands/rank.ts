/** `winnow rank starts STUDY` and `rank layers STUDY`: which small model becomes the draft, which layer gets a head? */
import { dirname } from "node:path"
import { InvalidInput } from "@winnow/core"
import {
  findExperiments,
  loadExperiment,
  type Resolved,
  Store,
  scoresAlone,
  type TablesRecord,
  tablesText,
} from "@winnow/lab"
import { Console, Effect, Layer, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { experimentFlags, prepareRuns, printPlans, runPrepared } from "../chosen-runs.ts"
import { launcherOf } from "../launchers.ts"
import { viewed } from "../run-view.ts"
import { terminalColumns } from "../terminal.ts"

/** The subcommands by name, with the study that each runs. */
const ranked = {
  starts: {
    study: "ranking",
    scored: "the starts",
    summary: "Rank starts of a draft by scores, beside what each reaches after the same distillation",
  },
  layers: {
    study: "layers",
    scored: "the layers",
    summary: "Rank layers of the target by scores, beside what a head on each reaches",
  },
} as const
type Ranked = keyof typeof ranked

const has = (name: string, { study }: { readonly study?: Resolved["study"] | undefined }) => study?.name === name

/** The experiments of this checkout with such a study, by slug and part; broken ones are left out. */
const experimentsWith = (study: string) =>
  Effect.map(
    Effect.forEach(findExperiments(), (found) =>
      loadExperiment(found).pipe(
        Effect.map((parts) =>
          parts.flatMap(({ part, experiment }) =>
            has(study, experiment) ? [part === null ? found.slug : `${found.slug}/${part}`] : [],
          ),
        ),
        Effect.catchCause(() => Effect.succeed([])),
      ),
    ),
    (lists) => lists.flat(),
  )

/** The tables of the study itself, without those of its drafts. */
const ownTables = ({ tables }: TablesRecord) => {
  const first = tables.findIndex(({ name }) => name === "acceptance" || name === "measures")
  return first < 0 ? tables : tables.slice(0, first)
}

const ranking = (name: Ranked) =>
  Command.make(
    name,
    {
      study: Argument.String("STUDY").pipe(
        Argument.withDescription(
          `an experiment with the study ${ranked[name].study}${name === "starts" ? ", or with a scored start" : ""}, by slug, number, name or path; /part for a part`,
        ),
      ),
      scoresOnly: Flag.Boolean("scores-only").pipe(
        Flag.withDefault(false),
        Flag.withDescription(
          `score ${ranked[name].scored} and train no arm: seconds; nothing is written to the results`,
        ),
      ),
      ...experimentFlags,
    },
    Effect.fn(`rank.${name}`)(function* ({ study, scoresOnly, ...flags }) {
      const prepared = yield* prepareRuns(study, flags)
      const expected = ranked[name].study
      const candidates = (resolved: Resolved) => name === "starts" && resolved.draft.scored !== undefined
      const other = prepared.runs.find(({ resolved }) => !has(expected, resolved) && !candidates(resolved))
      if (other !== undefined) {
        const found = other.resolved.study === undefined ? "no study" : `the study ${other.resolved.study.name}`
        const there = (yield* experimentsWith(expected)).join(", ") || "none"
        const problems = [`it has ${found}, and expected is ${expected}; there are: ${there}`]
        return yield* new InvalidInput({ what: `rank ${name} ${study}`, problems })
      }
      if (scoresOnly && (flags.watch || Option.isSome(flags.tensorboard))) {
        const problems = ["scores take seconds and train nothing, so there is nothing to watch or to log; leave it out"]
        return yield* new InvalidInput({ what: `${flags.watch ? "--watch" : "--tensorboard"} --scores-only`, problems })
      }
      if (flags.dryRun) return yield* printPlans(prepared, flags)
      if (!scoresOnly && prepared.runs.some(({ resolved }) => !has(expected, resolved))) {
        const problems = [
          "scores choose its drafts' start, and its study is no ranking: --scores-only has the scores alone, `bun run experiment` the whole",
        ]
        return yield* new InvalidInput({ what: `rank ${name} ${study}`, problems })
      }
      if (!scoresOnly)
        return yield* runPrepared(prepared, flags, (record) =>
          "tables" in record && "study" in record
            ? [tablesText({ tables: ownTables(record) }, undefined, terminalColumns()), record.conclusions.join("\n")]
            : [],
        )
      const launcher = yield* launcherOf(flags)
      const { slug, file } = prepared.found
      const source = { file, plugins: prepared.files }
      const scored = yield* Effect.forEach(prepared.runs, ({ part, preset, resolved }) =>
        Effect.map(scoresAlone(resolved, { slug, part, preset, source }), (tables) => ({ part, tables })),
      ).pipe(Effect.provide(Layer.merge(Store.layer(), launcher)), (running) =>
        viewed(running, { verbose: flags.verbose, beside: dirname(prepared.found.file) }),
      )
      if (flags.json) return yield* Console.log(JSON.stringify(scored.length === 1 ? scored[0] : scored, null, 2))
      const texts = scored.map(
        ({ part, tables }) =>
          `${part === null ? "" : `${part}\n\n`}${tablesText({ tables }, undefined, terminalColumns())}`,
      )
      yield* Console.log(texts.join("\n\n"))
    }),
  ).pipe(Command.withDescription(ranked[name].summary))

/** The command. */
export const rank = Command.make("rank").pipe(
  Command.withDescription("Rank candidates before any training"),
  Command.withSubcommands([ranking("starts"), ranking("layers")]),
)
