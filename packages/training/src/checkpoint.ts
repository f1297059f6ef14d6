/**
 * Checkpoints of a stage: the JSON and the tensors of its states.
 *
 * A checkpoint is a folder `step-00000120` of `state.json` and `tensors.safetensors`, written beside its place and
 * renamed into it, so it exists whole or not at all. `state.json` holds the SHA-256 of the tensors and of itself, so
 * that damage is detected before a value is used. The newest two are kept: if the newest is damaged, the older one
 * takes its place.
 */
import { mkdir, readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { DataError, InvalidInput, jointState, type StepState } from "@winnow/core"
import {
  FileError,
  fileErrorOf,
  parseJson,
  placeFolder,
  readRegularText,
  sha256,
  sha256OfFileInTurns,
  writeWhole,
} from "@winnow/files"
import { openSafetensors, writeSafetensors } from "@winnow/models"
import { type } from "arktype"
import { Effect } from "effect"

const schema = type({
  "+": "reject",
  /** The identity of the run: a checkpoint of another run is refused, not resumed. */
  identity: "string",
  /** The JSON of each state, by name. */
  states: "object",
  /** SHA-256 of the file of tensors, and of all the above. */
  tensors: "string",
  self: "string",
})
type Saved = typeof schema.infer

const selfOf = ({ identity, states, tensors }: Omit<Saved, "self">) =>
  sha256(JSON.stringify([identity, states, tensors]))

/** States of a stage by name: letters, digits and hyphens. */
export type States = Readonly<Record<string, StepState>>

const keep = 2
const folderOf = (step: number) => `step-${String(step).padStart(8, "0")}`
const steps = async (directory: string): Promise<Array<number>> => {
  const names = await readdir(directory).catch(() => [] as Array<string>)
  return names.flatMap((name) => (/^step-\d{8}$/.test(name) ? [Number(name.slice(5))] : [])).sort((a, b) => a - b)
}
const files = { json: "state.json", tensors: "tensors.safetensors" } as const

/** Writes a checkpoint whole, then removes all but the newest two. */
export const saveCheckpoint = (directory: string, identity: string, step: number, states: States) =>
  Effect.tryPromise({
    try: async () => {
      await mkdir(directory, { recursive: true })
      const temporary = join(directory, `.${folderOf(step)}.${process.pid}.tmp`)
      await rm(temporary, { recursive: true, force: true })
      await mkdir(temporary)
      const state = jointState(states)
      const tensors = Array.from(state.tensors ?? [], ([name, { shape, read }]) => ({ name, shape, data: read }))
      writeSafetensors(join(temporary, files.tensors), tensors)
      const sum = await sha256OfFileInTurns(join(temporary, files.tensors))
      // The content in the form after a round trip through JSON.
      const content = JSON.parse(JSON.stringify({ identity, states: state.save(), tensors: sum })) as Omit<
        Saved,
        "self"
      >
      const text = JSON.stringify({ ...content, self: selfOf(content) }, null, 2)
      writeWhole(join(temporary, files.json), `${text}\n`)
      placeFolder(temporary, join(directory, folderOf(step)), `${temporary}.replaced.tmp`)
      for (const old of (await steps(directory)).slice(0, -keep))
        await rm(join(directory, folderOf(old)), { recursive: true, force: true })
    },
    catch: (cause) =>
      new DataError({
        message: `could not write the checkpoint of step ${step} to ${directory}: ${String(cause)}`,
        cause,
      }),
  })

/** A whole checkpoint of this run. */
export interface Checkpoint {
  readonly step: number
  /**
   * Writes the saved values into states; may be called again for others.
   * @error InvalidInput if a file cannot be read or lacks one of their tensors
   */
  readonly restore: (states: States) => Effect.Effect<void, InvalidInput>
}

/** System errors that do not concern the checkpoint itself: one that cannot be read for now is not thrown away. */
const passing: ReadonlyArray<string | undefined> = ["EACCES", "EPERM", "EMFILE", "ENFILE", "ENOMEM", "ESTALE"]

/**
 * The state of an undamaged checkpoint; throws an error that names the damage.
 *
 * @error FileError (thrown) for a file that cannot be read for now
 */
const soundState = async (folder: string): Promise<Saved | FileError> => {
  const file = join(folder, files.json)
  try {
    const text = readRegularText(file, { most: 1 << 30, what: "the state of a checkpoint" })
    let content: unknown
    try {
      content = parseJson(text)
    } catch {
      return new FileError(file, "is no JSON")
    }
    const saved = schema(content)
    if (saved instanceof type.errors) return new FileError(file, `is no state of a checkpoint: ${saved[0]}`)
    const tensors = join(folder, files.tensors)
    if (saved.self !== selfOf(saved)) return new FileError(file, "has other bytes than were written")
    return (await sha256OfFileInTurns(tensors)) === saved.tensors
      ? saved
      : new FileError(tensors, "has other bytes than were written")
  } catch (error) {
    const wrong = fileErrorOf(error, folder)
    if (wrong === undefined || passing.includes(wrong.code)) throw wrong ?? error
    return wrong
  }
}

/** The error of a checkpoint that cannot be used. */
const refusal =
  (folder: string) =>
  (problem: unknown): InvalidInput =>
    new InvalidInput({
      what: `checkpoint ${folder}`,
      problems: [`${problem instanceof Error ? problem.message : problem}; remove the folder or run with --fresh`],
    })

const restoring = (
  folder: string,
  step: number,
  saved: Saved,
  refuse: (problem: unknown) => InvalidInput,
): Checkpoint => ({
  step,
  restore: (states) =>
    Effect.try({
      try: () => {
        const state = jointState(states)
        const file = openSafetensors(join(folder, files.tensors))
        try {
          for (const [name, { write }] of state.tensors ?? []) write(file.read(name))
        } finally {
          file.close()
        }
        state.restore(saved.states)
      },
      catch: (cause) => (cause instanceof InvalidInput ? cause : refuse(cause)),
    }),
})

/**
 * The checkpoint of a step that another process has found sound. Nothing is changed in the directory.
 *
 * @error InvalidInput if it cannot be read here, or is of another run
 */
export const checkpointAt = (
  directory: string,
  identity: string,
  step: number,
): Effect.Effect<Checkpoint, InvalidInput> =>
  Effect.gen(function* () {
    const folder = join(directory, folderOf(step))
    const refuse = refusal(folder)
    const saved = yield* Effect.tryPromise({ try: () => soundState(folder), catch: refuse })
    if (saved instanceof FileError) return yield* refuse(saved)
    if (saved.identity !== identity) return yield* refuse(`is of another run (${saved.identity}, not ${identity})`)
    return restoring(folder, step, saved, refuse)
  })

/**
 * The newest sound checkpoint of a directory; damaged ones, and half-written ones of a killed process, are removed.
 *
 * @param onDamage called for each damaged checkpoint, with the step at which training goes on
 * @returns undefined if there is none
 * @error InvalidInput if a checkpoint belongs to another run, or cannot be read for now
 */
export const newestCheckpoint = (
  directory: string,
  identity: string,
  onDamage: (text: string) => void,
): Effect.Effect<Checkpoint | undefined, InvalidInput> =>
  Effect.gen(function* () {
    yield* Effect.promise(async () => {
      for (const name of await readdir(directory).catch(() => [] as Array<string>))
        if (name.endsWith(".tmp")) await rm(join(directory, name), { recursive: true, force: true })
    })
    const damaged: Array<{ readonly step: number; readonly why: string }> = []
    const tell = (goesOn: string) => {
      for (const { step, why } of damaged) onDamage(`the checkpoint of step ${step} is damaged (${why}); ${goesOn}`)
    }
    for (const step of (yield* Effect.promise(() => steps(directory))).toReversed()) {
      const folder = join(directory, folderOf(step))
      const refuse = refusal(folder)
      const saved = yield* Effect.tryPromise({ try: () => soundState(folder), catch: refuse })
      if (saved instanceof FileError) {
        damaged.push({ step, why: saved.message })
        yield* Effect.tryPromise({ try: () => rm(folder, { recursive: true, force: true }), catch: refuse })
        continue
      }
      if (saved.identity !== identity) return yield* refuse(`is of another run (${saved.identity}, not ${identity})`)
      tell(`training continues from step ${step}`)
      return restoring(folder, step, saved, refuse)
    }
    tell("there is no other, so training starts again")
    return undefined
  })
