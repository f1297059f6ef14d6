import { engines } from "@winnow/core"
import { exportModel, RunStore, winnowHome } from "@winnow/lab"
import { writtenDtypes } from "@winnow/models"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { engine } from "../engine.ts"
import { nearby } from "../nearby.ts"
import { jsonFlag, resultsFlag } from "../shared-flags.ts"
import { sized } from "../sized.ts"

const whole = (n: number) => n.toLocaleString("en").replaceAll(",", " ")

type Exported = Effect.Success<ReturnType<typeof exportModel>>

/** Files with their sizes, the source of the weights, and the next command. */
export const exportReport = ({
  directory,
  run,
  name,
  seed,
  parameters,
  decodes,
  dtype,
  files,
  sha256,
  notes,
}: Exported): string => {
  const where = nearby(directory)
  const widest = Math.max(...files.map(({ file }) => file.length))
  const same = sha256.exported === sha256.recorded ? "the bytes that the figures are of" : "converted from float32"
  const pair = name === "target" ? `--target ${where}` : `--target DIR --draft ${where}`
  return [
    `${name}${seed === null ? "" : `, seed ${seed}`} of run ${run}: ${whole(parameters)} parameters in ${dtype}, ${where}`,
    ...files.map(({ file, bytes }) => `  ${file.padEnd(widest)}  ${sized(bytes).padStart(8)}`),
    `weights: ${same}, SHA-256 ${sha256.exported.slice(0, 16)}...`,
    ...notes.map((note) => `note: ${note}`),
    decodes ? `try it: bun run winnow generate ${pair} --prompt "..."` : `look at it: bun run winnow model ${where}`,
  ].join("\n")
}

/** The command; `--json` prints the folder and its files. */
export const exportCommand = Command.make(
  "export",
  {
    run: Argument.String("RUN").pipe(
      Argument.withDescription("the beginning of a run's id, or its folder (results/NNN-slug/RUN)"),
    ),
    arm: Argument.String("ARM").pipe(
      Argument.optional,
      Argument.withDescription("an arm, another row of the run's table, or target; the only arm if left out"),
    ),
    seed: Flag.Int("seed").pipe(Flag.optional, Flag.withDescription("the first that the arm has if left out")),
    to: Flag.String("to").pipe(Flag.withMetavar("DIR"), Flag.withDescription("a folder that is not there yet")),
    dtype: Flag.Literals("dtype", Object.keys(writtenDtypes) as ReadonlyArray<keyof typeof writtenDtypes>).pipe(
      Flag.withDefault("float32" as const),
      Flag.withDescription("number format of the weights; figures are of float32"),
    ),
    for: Flag.Literals("for", engines).pipe(
      Flag.optional,
      Flag.withDescription("of a head: the engine whose layout it is written in; as Winnow reads it if left out"),
    ),
    results: resultsFlag,
    json: jsonFlag,
  },
  Effect.fn("export")(function* ({ run, arm, seed, to, dtype, results, json, ...flags }) {
    if (Option.isSome(flags.for)) yield* engine
    const home = winnowHome()
    const { directory, attempts } = yield* Effect.flatMap(RunStore, ({ find }) => find(run)).pipe(
      Effect.provide(RunStore.layer(home, [results])),
    )
    const exported = yield* exportModel({
      ...{ directory, to, dtype, home },
      engine: Option.getOrUndefined(flags.for),
      ...{ name: Option.getOrUndefined(arm), seed: Option.getOrUndefined(seed) },
      command: attempts.at(-1)?.command,
    })
    yield* Console.log(json ? JSON.stringify(exported) : exportReport(exported))
  }),
).pipe(Command.withDescription("A model of a finished run as a folder that transformers and serving engines open"))
