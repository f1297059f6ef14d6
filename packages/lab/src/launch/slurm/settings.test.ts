import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { resourceArguments, slurmSettings } from "./settings.ts"

const folders = (home: unknown, experiment: unknown) => {
  const at = mkdtempSync(join(tmpdir(), "winnow-settings-"))
  for (const [name, content] of Object.entries({ home, experiment })) {
    mkdirSync(join(at, name))
    const text = typeof content === "string" ? content : JSON.stringify(content)
    if (content !== undefined) writeFileSync(join(at, name, "slurm.json"), text)
  }
  return [join(at, "home"), join(at, "experiment", "experiment.ts")] as const
}
const read = (home: unknown, experiment?: unknown) => Effect.runPromise(slurmSettings(...folders(home, experiment)))
const refusal = (home: unknown) => Effect.runPromise(Effect.flip(slurmSettings(...folders(home, undefined))))

test("the experiment's file lies over the store's, field by field and kind by kind", async () => {
  expect(await read(undefined)).toEqual({})
  const settings = await read(
    { partition: "cpu", time: "30", stages: { target: { time: "4:00:00", cores: 8 } } },
    { account: "lab", time: "60", stages: { target: { memory: "32G" }, arm: { gpus: 1 } } },
  )
  const of = (kind: string, alone = false) => resourceArguments(settings, { kind, alone }, 1e9).join(" ")
  const common = "--nodes=1 --ntasks=1"
  expect(of("target")).toBe(`--partition=cpu --account=lab --time=4:00:00 --mem=32G ${common} --cpus-per-task=8`)
  expect(of("arm")).toBe(`--partition=cpu --account=lab --time=60 --mem=1500M ${common} --cpus-per-task=1 --gres=gpu:1`)
  expect(of("measure", true)).toEndWith("--cpus-per-task=1 --exclusive")
})

test("a file that is none is refused with its name and all problems", async () => {
  const { message } = await refusal({ tyme: "30", cores: 0, time: "soon", stages: { arm: { gpu: 1 } } })
  expect(message).toMatch(/home\/slurm\.json: /)
  for (const problem of [
    "tyme must be removed",
    "cores must be",
    "time must be a time as sbatch takes it",
    "stages.arm.gpu must be removed",
  ])
    expect(message).toContain(problem)
  expect((await refusal("{")).message).toMatch(/slurm\.json: is no JSON/)
  expect((await refusal({ extra: ["rm -rf"] })).message).toContain("an argument of sbatch that begins with --")
})
