/** Where a command computes its stages: `--launcher` and the flags of each launcher. */
import { InvalidInput } from "@winnow/core"
import { askedJobs, local, workers } from "@winnow/lab"
import { Effect, type Layer, Option } from "effect"
import { Flag } from "effect/cli"

/** The flags of every command that runs stages. */
export const launcherFlags = {
  launcher: Flag.Literals("launcher", ["local", "workers"]).pipe(
    Flag.withDefault("workers"),
    Flag.withDescription(
      "where stages run: in this process (local), or in several processes on this machine (workers)",
    ),
  ),
  jobs: Flag.Int("jobs").pipe(
    Flag.optional,
    Flag.withDescription(
      "processes that run stages at once, each on its share of the cores; as many as cores and memory allow if left out",
    ),
  ),
}

/** The values of these flags. */
type FlagValue<F> = F extends Flag.Flag<infer A> ? A : never
type LauncherFlags = { readonly [K in keyof typeof launcherFlags]: FlagValue<(typeof launcherFlags)[K]> }

/** The launcher that the flags name. @error InvalidInput for flags that do not go together */
export const launcherOf = ({ launcher, jobs }: LauncherFlags): Effect.Effect<Layer.Layer<never>, InvalidInput> =>
  Effect.gen(function* () {
    const asked = yield* askedJobs(Option.getOrUndefined(jobs))
    if (launcher === "workers") return workers(asked)
    if (asked === undefined) return local
    const problems = [`--launcher ${launcher} starts no workers; leave out one of the two`]
    return yield* new InvalidInput({ what: `--jobs ${asked}`, problems })
  })
