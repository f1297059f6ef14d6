/** The platform: files, child processes, terminal, and how a program becomes the process. The one importer of it. */
import * as ChildProcessSpawner from "@effect/platform-node-shared/NodeChildProcessSpawner"
import * as FileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as Path from "@effect/platform-node-shared/NodePath"
import * as NodeRuntime from "@effect/platform-node-shared/NodeRuntime"
import * as Stdio from "@effect/platform-node-shared/NodeStdio"
import * as Terminal from "@effect/platform-node-shared/NodeTerminal"
import { Cause, Effect, Layer, Logger, Runtime } from "effect"

/** Every service of the platform that a command may need. */
export const layer = ChildProcessSpawner.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(FileSystem.layer, Path.layer, Stdio.layer, Terminal.layer)),
)

const logs = Layer.merge(Logger.layer([Logger.consolePretty()]), Layer.succeed(Logger.LogToStderr, true))

const report = (cause: Cause.Cause<unknown>) =>
  Cause.hasInterruptsOnly(cause) || !Runtime.getErrorReported(Cause.squash(cause))
    ? Effect.void
    : Effect.logError(cause)

/** Runs a program as the process. Results on stdout; logs and failures on stderr (Effect's default is stdout). */
export const runMain = <A, E>(program: Effect.Effect<A, E, Layer.Success<typeof layer>>) =>
  program.pipe(
    Effect.tapCause(report),
    Effect.provide(Layer.merge(layer, logs)),
    NodeRuntime.runMain({ disableErrorReporting: true }),
  )
