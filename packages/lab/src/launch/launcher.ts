/**
 * Where the stages of a run are computed. A launcher is a layer: this process (the default), worker processes, jobs of a
 * cluster. `docs/clusters.md` shows how another one is written.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import type { Progress } from "../progress.ts"
import { sharedCores } from "../schedule/jobs.ts"
import type { Opened } from "../schedule/messages.ts"
import type { StageError } from "../stage.ts"
import type { Store } from "../store/store.ts"
import { here, type StageRunner } from "./runner.ts"
import { sharedBy } from "./shared-runner.ts"

/** A run whose stages other processes can compute: they build the stages again from these facts. */
export interface Launch {
  readonly experiment: Opened
  /** An estimate of the memory of one stage's process, in bytes. */
  readonly memory: number
}

export interface LauncherService {
  /** As `--launcher` names it. */
  readonly name: string
  /** Processes that share a training, as `--devices` names them; 1 if left out. */
  readonly devices?: number
  /**
   * The runner of one run, which ends with the scope.
   *
   * @error InvalidInput, DataError where its stages cannot be launched; nothing has run then
   */
  readonly runner: (launch: Launch) => Effect.Effect<StageRunner, StageError, Scope.Scope | Store | Progress>
}

const inThisProcess: LauncherService = { name: "local", runner: () => Effect.succeed(here) }

/** The launcher of `runExperiment`. */
export const Launcher = Context.Reference<LauncherService>("@winnow/lab/Launcher", {
  defaultValue: () => inThisProcess,
})

/**
 * Trainings are shared by several processes of this machine; the other stages run as the launcher runs them.
 *
 * @param devices processes of a training, 2 or more, at most one for each micro-batch of its steps
 */
export const withDevices = (devices: number, launcher: Layer.Layer<never>): Layer.Layer<never> =>
  Layer.effect(
    Launcher,
    Effect.map(Effect.service(Launcher), (of) => ({
      ...of,
      devices,
      runner: (launch: Launch) =>
        Effect.map(of.runner({ ...launch, memory: launch.memory * devices }), (runner) => {
          const threads = Math.max(1, Math.floor(sharedCores() / (runner.slots * devices)))
          return sharedBy(runner, devices, launch.experiment, threads)
        }),
    })),
  ).pipe(Layer.provide(launcher))

/** Stages run in this process, one by one. */
export const local = Layer.succeed(Launcher, inThisProcess)
