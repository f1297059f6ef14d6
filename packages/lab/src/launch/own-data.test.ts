/** Data beside an experiment is found wherever its stages run: the command stands in another folder. */
import { expect, test } from "bun:test"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DataError } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { Effect, Layer } from "effect"
import { runDistillation } from "../../test/run-distillation.ts"
import { runLayers } from "../../test/run-layers.ts"
import { resolve } from "../experiment/resolve.ts"
import { loadExperiment } from "../experiments.ts"
import { runLaunched } from "./job.ts"
import { Launcher } from "./launcher.ts"
import { planLaunch } from "./plan-launch.ts"
import { workers } from "./workers.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-own-data-"))
const file = join(folder, "experiment.ts")
const records = Array.from("abcdefghijklmnopqrstuvwx", (prompt) => JSON.stringify({ prompt, answer: prompt.repeat(9) }))
writeFileSync(join(folder, "mine.jsonl"), records.join("\n"))
writeFileSync(
  file,
  `import { jsonl } from "@winnow/data/own"
import { tiny } from ${JSON.stringify(join(import.meta.dir, "../../test/tiny.ts"))}
export default { ...tiny, task: jsonl({ train: "mine.jsonl", validation: 0.2, test: 0.4 }) }`,
)

/** Each stage as the job of a cluster runs it, in this process. */
const asJobs = Layer.succeed(Launcher, {
  name: "jobs",
  runner: (launch) =>
    Effect.map(planLaunch(launch), (planned) => ({
      slots: 1,
      expect: planned.plan,
      run: ({ stage }) =>
        Effect.flatMap(runLaunched(planned.folder, stage.key, Effect.never), (end) =>
          end._tag === "stored" ? Effect.succeed(end.artifact) : Effect.fail(new DataError({ message: end._tag })),
        ),
    })),
})

const run = (launcher: Layer.Layer<never>) =>
  Effect.gen(function* () {
    const [written] = yield* loadExperiment({ slug: "own", file }, null)
    const resolved = yield* resolve(written!.experiment, { seeds: [1], arms: ["all"] })
    const home = mkdtempSync(join(folder, "home-"))
    const datasets = datasetsLayer({ folder: undefined, beside: folder })
    return yield* runDistillation(resolved, { slug: "own", results: join(home, "results"), source: { file } }).pipe(
      Effect.provide([runLayers(home, { datasets }), launcher]),
    )
  })

test("in two worker processes, and in the jobs of a launch", async () => {
  for (const launcher of [workers(2), asJobs]) {
    const { record } = await Effect.runPromise(run(launcher))
    expect(record.rows.map(({ name }) => name)).toContain("all")
  }
})
