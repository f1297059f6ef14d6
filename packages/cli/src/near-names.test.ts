/** A name that is nearly right gets the near one, wherever a command takes a name. */
import { expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { applySettings, experimentNamed, loadExperiment, resolve } from "@winnow/lab"
import { pluginFrom } from "@winnow/lab/outside"
import { Effect, Option } from "effect"
import { prepareRuns } from "./chosen-runs.ts"
import { writeNew } from "./commands/new.ts"

const flags = {
  ...{ set: [], plugin: [], dryRun: true, fresh: false, verbose: false, json: false, results: tmpdir() },
  ...{ seeds: Option.none(), arms: Option.none(), preset: Option.none(), limit: Option.none(), jobs: Option.none() },
}
const quickstart = Effect.gen(function* () {
  const [part] = yield* loadExperiment(yield* experimentNamed("quickstart"), null)
  return part!.experiment
})
const set = (setting: string) =>
  Effect.flatMap(quickstart, (experiment) =>
    Effect.flatMap(applySettings(experiment, [setting]), (one) => resolve(one)),
  )

const refused: Readonly<Record<string, readonly [Effect.Effect<unknown, unknown>, string]>> = {
  "an experiment": [experimentNamed("quikstart"), "001-quickstart"],
  "an experiment with its number": [experimentNamed("001-quikstart"), "001-quickstart"],
  "a part": [prepareRuns("010/arithmetc", flags as never) as Effect.Effect<unknown, unknown>, "arithmetic"],
  "a preset": [Effect.flatMap(experimentNamed("010"), (found) => loadExperiment(found, "larg")), "large"],
  "an arm of a setting": [set("arms.adapsec.filter.k=0.3"), "adaspec"],
  "a path of a setting": [set("measure.promts=3"), "prompts"],
  "a field of a setting": [set('measure={"promts": 3}'), "prompts"],
  "a plugin of a setting": [set("arms.adaspec.filter=adapsec"), "adaspec"],
  "an option of a plugin": [set('arms.adaspec.filter={"name": "adaspec", "options": {"ordr": "top"}}'), "order"],
  "a chosen arm": [Effect.flatMap(quickstart, (one) => resolve(one, { arms: ["adapsec"] })), "adaspec"],
  "a plugin of a flag": [pluginFrom("proposer", "--proposer ngrm", "ngrm"), "ngram"],
  "a kind of template": [writeNew({ kind: "filtr", name: "shy", outside: tmpdir() }), "filter"],
}

for (const [what, [program, near]] of Object.entries(refused))
  test(`${what}: ${near}`, async () => {
    const error = (await Effect.runPromise(Effect.flip(program))) as Error
    expect(error.message).toContain(`did you mean ${near}?`)
  })
