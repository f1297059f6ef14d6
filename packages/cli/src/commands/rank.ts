/** `winnow rank starts STUDY`: which of several small models becomes the draft? */
import { dirname } from "node:path"
import { InvalidInput } from "@winnow/core"
import {
  findExperiments,
  loadExperiment,
  type Resolved,
  Store,
  scoreStarts,
  type TablesRecord,
  tablesText,
} from "@winnow/lab"
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { experimentFlags, prepareRuns, printPlans, runPrepared } from "../chosen-runs.ts"
import { viewed } from "../run-view.ts"

const isRanking = ({ study }: { readonly study?: Resolved["study"] | undefined }) => study?.name === "ranking"

/** The experiments of this checkout with a ranking, by slug and part; broken ones are left out. */
const rankings = Effect.map(
  Effect.forEach(findExperiments(), (found) =>
    loadExperiment(found).pipe(
      Effect.map((parts) =>
        parts.flatMap(({ part, experiment }) =>
          isRanking(experiment) ? [part === null ? found.slug : `${found.slug}/${part}`] : [],
        ),
      ),
      Effect.catchCause(() => Effect.succeed([])),
    ),
  ),
  (lists) => lists.flat(),
)

/** The tables of the study itself, without those of its drafts. */
const ownTables = ({ tables, drafts }: Extract<TablesRecord, { readonly drafts: unknown }>) => {
  const first = tables.findIndex(({ name }) => name === "acceptance")
  return drafts === undefined || first < 0 ? tables : tables.slice(0, first)
}

const starts = Command.make(
  "starts",
  {
    study: Argument.String("STUDY").pipe(
      Argument.withDescription(
        "an experiment whose study is a ranking, by slug, number, name or path; /part for a part",
      ),
    ),
    scoresOnly: Flag.Boolean("scores-only").pipe(
      Flag.withDefault(false),
      Flag.withDescription("score the starts and train no arm: seconds; nothing is written to the results"),
    ),
    ...experimentFlags,
  },
  Effect.fn("rank.starts")(function* ({ study, scoresOnly, ...flags }) {
    const prepared = yield* prepareRuns(study, flags)
    const other = prepared.runs.find(({ resolved }) => !isRanking(resolved))
    if (other !== undefined) {
      const has = other.resolved.study === undefined ? "no study" : `the study ${other.resolved.study.name}`
      const problems = [`it has ${has}, and expected is ranking; there are: ${(yield* rankings).join(", ") || "none"}`]
      return yield* new InvalidInput({ what: `rank starts ${study}`, problems })
    }
    if (flags.dryRun) return yield* printPlans(prepared, flags)
    if (!scoresOnly)
      return yield* runPrepared(prepared, flags, (record) =>
        "drafts" in record ? [tablesText({ tables: ownTables(record) }, undefined), record.conclusions.join("\n")] : [],
      )
    const scored = yield* Effect.forEach(prepared.runs, ({ part, resolved }) =>
      Effect.map(scoreStarts(resolved), (tables) => ({ part, tables })),
    ).pipe(Effect.provide(Store.layer()), (running) =>
      viewed(running, { verbose: flags.verbose, beside: dirname(prepared.found.file) }),
    )
    if (flags.json) return yield* Console.log(JSON.stringify(scored.length === 1 ? scored[0] : scored, null, 2))
    const texts = scored.map(
      ({ part, tables }) => `${part === null ? "" : `${part}\n\n`}${tablesText({ tables }, undefined)}`,
    )
    yield* Console.log(texts.join("\n\n"))
  }),
).pipe(
  Command.withDescription("Rank starts of a draft by scores, beside what each reaches after the same distillation"),
)

/** The command. */
export const rank = Command.make("rank").pipe(
  Command.withDescription("Rank candidates before any training"),
  Command.withSubcommands([starts]),
)
