/** Odd names, values, numbers and depths in every setting of an experiment and in the flags of the command line. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { applySettings, resolve } from "@winnow/lab"
import { tiny } from "@winnow/lab/testing"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { runCommand } from "../command.ts"
import { ended, triedBy } from "../judge.ts"
import type { Attempt, Kind } from "../kind.ts"
import { jsonOf, oddNames, oddValues, pick, shortText } from "../random.ts"

/** The value at a path, as settings write it: a plugin's options stand beside its name. */
const at = (config: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((node, key) => {
    if (typeof node !== "object" || node === null) return undefined
    const of = "options" in node && "name" in node ? (node.options as object) : node
    return Object.hasOwn(of, key) ? (of as Record<string, unknown>)[key] : undefined
  }, config)

const flagValues = [
  "",
  "-1",
  "0",
  "1",
  "2",
  "1e999",
  "NaN",
  "0x10",
  "1,2,3",
  "a",
  "__proto__",
  "constructor",
  "999999999999999999999",
  "~/x",
  "/dev/null",
  "/dev/zero",
  "--",
  "[[1,2]]",
  "[[4294967301]]",
  "[[1.5]]",
  "[[-1]]",
  "[[]]",
  "x".repeat(10_000),
  "\u0000",
  "a/b/c",
  "../..",
]
const commands: ReadonlyArray<{ readonly base: ReadonlyArray<string>; readonly flags: ReadonlyArray<string> }> = [
  { base: ["runs"], flags: ["--experiment", "--results", "--json", "--nonsense"] },
  { base: ["runs", "show"], flags: ["--results", "--json"] },
  { base: ["runs", "compare"], flags: ["--results"] },
  {
    base: ["experiment", "quickstart", "--dry-run"],
    flags: ["--set", "--seeds", "--arms", "--preset", "--jobs", "--results"],
  },
  { base: ["experiment", "--dry-run"], flags: ["--set", "--repeat"] },
  { base: ["logits"], flags: ["--ids", "--json"] },
  {
    base: ["evaluate"],
    flags: [
      "--target",
      "--draft",
      "--prompts",
      "--temperature",
      "--top-k",
      "--top-p",
      "--max-new",
      "--eos",
      "--stop",
      "--seed",
      "--rounds",
      "--draft-length",
      "--timed-prompts",
    ],
  },
  { base: [], flags: ["--version", "--help", "--log-level"] },
]

/** Odd settings and flags. */
export const settings: Kind = {
  name: "settings",
  of: "settings of an experiment, and flags",
  whole: 1000,
  seconds: 30,
  setUp: async (folder) => {
    process.env["WINNOW_HOME"] = join(folder, "home")
    await openEngine()
    mkdirSync(join(folder, "model"))
    writeFileSync(join(folder, "prompts.jsonl"), '{"ids":[1,2]}\n')
    const base = await Effect.runPromise(resolve(tiny))
    const paths: Array<ReadonlyArray<string>> = []
    const visit = (node: unknown, path: ReadonlyArray<string>) => {
      if (path.length > 0) paths.push(path)
      if (typeof node !== "object" || node === null || Array.isArray(node)) return
      const of = "options" in node && "name" in node ? (node.options as object) : node
      for (const [key, inner] of Object.entries(of)) visit(inner, [...path, key])
    }
    visit(base.config, [])

    const setting: Attempt = async (rng, _, tell) => {
      const path = [...pick(rng, paths)]
      const how = rng.below(6)
      if (how === 0) path[rng.below(path.length)] = pick(rng, oddNames)
      if (how === 1)
        path.push(...Array.from({ length: pick(rng, [1, 2, 100, 10_000]) }, () => pick(rng, oddNames) || "a"))
      const value = pick(rng, oddValues)
      const text = `${path.join(".")}=${rng.below(3) === 0 ? pick(rng, flagValues) : jsonOf(value)}`
      const damage = `--set ${text.slice(0, 120)}`
      tell(damage)
      const end = await ended(Effect.flatMap(applySettings(tiny, [text]), (experiment) => resolve(experiment)))
      if (end._tag !== "done") return triedBy(damage, end)
      const { config } = end.value
      if (JSON.stringify(config) === JSON.stringify(base.config)) return { outcome: "same", damage, detail: "" }
      const valueText = text.slice(text.indexOf("=") + 1)
      const configValue = at(config, path)
      const forms = [JSON.stringify(configValue), String(configValue)]
      const isNode = typeof configValue === "object" && configValue !== null
      let same = forms.includes(valueText)
      try {
        same ||=
          JSON.stringify(JSON.parse(valueText)) === JSON.stringify(configValue) || Object.is(JSON.parse(valueText), -0)
      } catch {}
      if (same) return { outcome: "faithful", damage, detail: "" }
      return isNode || configValue === undefined
        ? { outcome: "read", damage, detail: "" }
        : { outcome: "wrong", damage, detail: `the config holds ${shortText(configValue)}` }
    }
    const flags: Attempt = async (rng, _, tell) => {
      const { base, flags } = pick(rng, commands)
      const args = [...base]
      const own: Record<string, string> = {
        "--target": join(folder, "model"),
        "--draft": join(folder, "model"),
        "--prompts": join(folder, "prompts.jsonl"),
        "--ids": "[[1]]",
      }
      if (base[0] === "evaluate") for (const flag of ["--target", "--draft", "--prompts"]) args.push(flag, own[flag]!)
      if (base[0] === "logits") args.push(join(folder, "model"))
      for (let n = 1 + rng.below(3); n > 0; n--)
        args.push(pick(rng, flags), ...(rng.below(5) > 0 ? [pick(rng, flagValues)] : []))
      if (rng.below(3) === 0) args.push(pick(rng, flagValues))
      const damage = args.map((a) => a.slice(0, 60)).join(" ")
      tell(damage)
      const end = await runCommand(...args)
      return end._tag === "done" ? { outcome: "read", damage, detail: "" } : triedBy(damage, end)
    }
    return (rng, i, tell) => (i % 4 === 3 ? flags(rng, i, tell) : setting(rng, i, tell))
  },
}
