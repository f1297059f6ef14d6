/** Damages records and the index of runs: run.json, metrics, attempts.jsonl, as `runs` and its commands read them. */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { runCommand } from "../command.ts"
import { triedBy } from "../judge.ts"
import type { Kind } from "../kind.ts"
import { jsonOf, pick, spoilField, spoilFile } from "../random.ts"
import { tinyRun } from "../tiny-run.ts"

/** Damage of records. */
export const records: Kind = {
  name: "records",
  of: "records of runs and their index",
  whole: 1000,
  seconds: 30,
  setUp: async (folder) => {
    await openEngine()
    const base = join(folder, "base")
    const { record } = await Effect.runPromise(tinyRun(base))
    const home = join(folder, "home")
    process.env["WINNOW_HOME"] = home
    const results = join(home, "results")
    const run = join(results, "000-tiny", record.run)
    const commands = [
      ["runs", "--json", "--results", results],
      ["runs", "--results", results],
      ["runs", "show", run],
      ["runs", "show", record.run, "--results", results],
      ["runs", "compare", run, join(base, "results", "000-tiny", record.run)],
    ]
    const fresh = () => {
      rmSync(home, { recursive: true, force: true })
      cpSync(join(base, "results"), results, { recursive: true })
      writeFileSync(
        join(home, "attempts.jsonl"),
        readFileSync(join(base, "attempts.jsonl"), "utf8").replaceAll(base, home),
      )
    }
    fresh()
    const whole = new Map<string, string>()
    for (const command of commands) {
      const end = await runCommand(...command)
      if (end._tag !== "done") throw new Error(`${command.join(" ")}: ${JSON.stringify(end)}`)
      whole.set(command.join(), end.value)
    }
    return async (rng, _, tell) => {
      fresh()
      const inRun = rng.below(3) > 0
      const [where, name] = inRun
        ? [run, pick(rng, ["run.json", "run.json", "metrics.jsonl"])]
        : [home, "attempts.jsonl"]
      let damage: string
      if (name === "run.json" && rng.below(3) > 0) {
        const change = spoilField(rng, JSON.parse(readFileSync(join(where, name), "utf8")))
        damage = `run.json ${change.damage}`
        writeFileSync(join(where, name), jsonOf(change.document))
      } else if (name === "attempts.jsonl" && rng.below(2) > 0) {
        const lines = readFileSync(join(where, name), "utf8")
          .split("\n")
          .filter((line) => line !== "")
        const at = rng.below(lines.length)
        const spoilt = spoilField(rng, JSON.parse(lines[at]!))
        damage = `attempts.jsonl ${spoilt.damage}`
        writeFileSync(join(where, name), lines.with(at, jsonOf(spoilt.document)).join("\n"))
      } else damage = spoilFile(rng, where, name)
      const command = pick(rng, commands)
      damage = `${command.slice(0, 2).join(" ")}: ${damage}`
      tell(damage)
      const end = await runCommand(...command)
      if (end._tag !== "done") {
        // The list appears whatever damage the index or one record has.
        return command[1] === "show" || command[1] === "compare"
          ? triedBy(damage, end)
          : { outcome: "wrong", damage, detail: JSON.stringify(end) }
      }
      if (end.value === whole.get(command.join())) return { outcome: "same", damage, detail: "" }
      if (command[1] === "--json" && !inRun) {
        const runs = JSON.parse(end.value) as ReadonlyArray<{ run: string; state: string }>
        if (!runs.some((r) => r.run === record.run && ["done", "running"].includes(r.state)))
          return { outcome: "wrong", damage, detail: "the run is not in the list" }
      }
      return { outcome: "read", damage, detail: "" }
    }
  },
}
