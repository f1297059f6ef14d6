/** `winnow doctor`: checks the engine of this machine: its parts, its speed, its faults and their remedies. */
import { createRequire } from "node:module"
import { examine, type Place, packageVersion } from "@winnow/engine"
import { winnowHome } from "@winnow/lab"
import { probe, tensorVersions } from "@winnow/tensor"
import { Console, Data, Effect, Runtime } from "effect"
import { Command, Flag } from "effect/cli"
import { doctorReport } from "./doctor-report.ts"

const { resolve } = createRequire(import.meta.url)

/** Packages whose versions affect a run, and that the engine's own diagnosis does not list. */
const packages = ["@winnow/cli", "effect", "@effect/platform-node-shared"]

/** The folder of the stages: its first use is the quickstart's. */
const store: Place = {
  use: "artifacts of stages",
  folder: winnowHome(),
  variable: "WINNOW_HOME",
  needed: 0.5e9,
  loads: false,
}

/** The diagnosis ended with an error. The report has shown it, so nothing more is logged. Exit code 1. */
class EngineUnusable extends Data.TaggedError("EngineUnusable")<{ readonly message: string }> {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
}

/** The command; `--json` prints the whole `Diagnosis`. Exit code 0 when the engine works, 1 when it cannot. */
export const doctor = Command.make(
  "doctor",
  {
    json: Flag.Boolean("json").pipe(
      Flag.withDefault(false),
      Flag.withDescription("everything as JSON, for a bug report or a program"),
    ),
  },
  Effect.fn("doctor")(function* ({ json }) {
    const own = packages.map((name) => [name, packageVersion(name, resolve)] as const)
    const versions = { ...tensorVersions(), ...Object.fromEntries(own) }
    const diagnosis = yield* Effect.promise(() => examine({ probe, versions, places: [store] }))
    const colours = process.stdout.isTTY === true && !process.env["NO_COLOR"]
    yield* Console.log(json ? JSON.stringify(diagnosis, null, 2) : doctorReport(diagnosis, colours))
    if (!diagnosis.works) return yield* new EngineUnusable({ message: "the engine cannot work" })
  }),
).pipe(Command.withDescription("Check the engine: its parts, its speed, its faults and their remedies"))
