/** The platform: files, child processes, terminal, and the program as a process. Only this file imports it. */

import { format } from "node:util"
import * as ChildProcessSpawner from "@effect/platform-node-shared/NodeChildProcessSpawner"
import * as FileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as Path from "@effect/platform-node-shared/NodePath"
import * as NodeRuntime from "@effect/platform-node-shared/NodeRuntime"
import * as Stdio from "@effect/platform-node-shared/NodeStdio"
import * as Terminal from "@effect/platform-node-shared/NodeTerminal"
import { writeStdout } from "@winnow/files"
import { Cause, Console, Effect, Layer, Logger, Runtime } from "effect"
import { cut } from "./exit.ts"

/** Every service of the platform that a command may need. */
export const layer = ChildProcessSpawner.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(FileSystem.layer, Path.layer, Stdio.layer, Terminal.layer)),
)

const logs = Layer.merge(Logger.layer([Logger.consolePretty()]), Layer.succeed(Logger.LogToStderr, true))

/**
 * The console of every command, over functions that write to stdout and to stderr. Usage errors quote the arguments and
 * are cut.
 *
 * @param out throws if a text cannot be written whole, which fails the command
 */
export const consoleOver = (out: (text: string) => void, err: (text: string) => void): Console.Console =>
  Object.assign(Object.create(globalThis.console), {
    log: (...values: ReadonlyArray<unknown>) => out(`${format(...values)}\n`),
    error: (...values: ReadonlyArray<unknown>) => err(`${cut(format(...values))}\n`),
  })

const whole = consoleOver(writeStdout, (text) => void process.stderr.write(text))

const report = (cause: Cause.Cause<unknown>) =>
  Cause.hasInterruptsOnly(cause) || !Runtime.getErrorReported(Cause.squash(cause))
    ? Effect.void
    : Effect.logError(cause)

/** A program with the services of the platform. Results go to stdout; logs and failures to stderr (Effect's default is stdout). */
export const onPlatform = <A, E>(program: Effect.Effect<A, E, Layer.Success<typeof layer>>): Effect.Effect<A, E> =>
  program.pipe(
    Effect.tapCause(report),
    Effect.provideService(Console.Console, whole),
    Effect.provide(Layer.merge(layer, logs)),
  )

/** Runs a program as the process. */
export const runMain = <A, E>(program: Effect.Effect<A, E, Layer.Success<typeof layer>>) => {
  process.stderr.on("error", () => {}) // A closed stderr stops no run.
  // A closed terminal stops a run like Ctrl-C, with a checkpoint.
  process.once("SIGHUP", () => process.kill(process.pid, "SIGTERM"))
  return onPlatform(program).pipe(NodeRuntime.runMain({ disableErrorReporting: true }))
}
