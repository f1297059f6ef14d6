/** Where a command computes its stages: `--launcher` and the flags of each launcher. */
import { InvalidInput } from "@winnow/core"
import { askedDevices, askedJobs, jobsBeside, local, slurm, withDevices, workers } from "@winnow/lab"
import { Effect, type Layer, Option } from "effect"
import { Flag } from "effect/cli"

/** `--launcher`, without a default. */
export const launcherFlag = Flag.Literals("launcher", ["local", "workers", "slurm"]).pipe(
  Flag.withDescription("where stages run: this process, several on this machine, or jobs of a Slurm cluster"),
)

/** The flags of every command that runs stages. */
export const launcherFlags = {
  launcher: Flag.withDefault(launcherFlag, "workers" as const),
  jobs: Flag.Int("jobs").pipe(
    Flag.optional,
    Flag.withDescription(
      "processes that run stages at once, each on its share of the cores; as many as cores and memory allow if left out",
    ),
  ),
  devices: Flag.Int("devices").pipe(
    Flag.optional,
    Flag.withMetavar("N"),
    Flag.withDescription("processes that share each training, at most one for each micro-batch: docs/parallel.md"),
  ),
  slurm: Flag.File("slurm").pipe(
    Flag.optional,
    Flag.withDescription("settings of Slurm over slurm.json beside the experiment and in the store: docs/clusters.md"),
  ),
  onStop: Flag.Literals("on-stop", ["leave", "cancel"]).pipe(
    Flag.optional,
    Flag.withDescription("Ctrl-C leaves the jobs in Slurm's queue, or cancels them; leave if left out"),
  ),
}

/** The same for a command whose stages wait for each other: more processes than one gain nothing. */
export const oneByOneFlags = {
  ...launcherFlags,
  launcher: Flag.withDefault(launcherFlag, "local" as const),
  microBatches: Flag.Int("micro-batches").pipe(
    Flag.withDefault(1),
    Flag.withDescription("batches of a step, added up; as many --devices can share them"),
  ),
}

/** The values of these flags. */
type FlagValue<F> = F extends Flag.Flag<infer A> ? A : never
type LauncherFlags = { readonly [K in keyof typeof launcherFlags]: FlagValue<(typeof launcherFlags)[K]> }

/** The launcher that the flags name. @error InvalidInput for flags that do not go together */
export const launcherOf = ({
  launcher,
  jobs,
  devices: sharers,
  slurm: settings,
  onStop,
}: LauncherFlags): Effect.Effect<Layer.Layer<never>, InvalidInput> =>
  Effect.gen(function* () {
    const asked = yield* askedJobs(Option.getOrUndefined(jobs))
    const devices = yield* askedDevices(Option.getOrUndefined(sharers))
    const others = {
      "--jobs": launcher !== "workers" && asked !== undefined,
      "--slurm": launcher !== "slurm" && Option.isSome(settings),
      "--on-stop": launcher !== "slurm" && Option.isSome(onStop),
    }
    const idle = Object.entries(others).flatMap(([flag, is]) => (is ? [flag] : []))
    if (idle.length > 0) {
      const problems = [`--launcher ${launcher} does not read it; leave out one of the two`]
      return yield* new InvalidInput({ what: idle.join(", "), problems })
    }
    const shared = (of: Layer.Layer<never>) => (devices === 1 ? of : withDevices(devices, of))
    if (launcher === "local") return shared(local)
    if (launcher === "workers") return shared(workers(asked ?? (devices > 1 ? jobsBeside(devices) : undefined)))
    return slurm({
      settings: Option.getOrUndefined(settings),
      onStop: Option.getOrElse(onStop, () => "leave" as const),
      devices,
    })
  })
