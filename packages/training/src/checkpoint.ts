/**
 * Checkpoints of a stage: the JSON and the tensors of its states.
 *
 * A checkpoint is a folder `step-00000120` of `state.json` and `tensors.safetensors`, written beside its place and renamed
 * into it, so it is there whole or not at all. The newest two are kept.
 */
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { DataError, decode, InvalidInput, jointState, type StepState } from "@winnow/core"
import { parseJson } from "@winnow/files"
import { openSafetensors, writeSafetensors } from "@winnow/models"
import { type } from "arktype"
import { Effect } from "effect"

const schema = type({
  "+": "reject",
  /** The identity of the run: a checkpoint of another run is refused, not resumed. */
  identity: "string",
  /** The JSON of each state, by name. */
  states: "object",
})

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
      const content = { identity, states: state.save() }
      await writeFile(join(temporary, files.json), `${JSON.stringify(content, null, 2)}\n`)
      const written = await open(join(temporary, files.json))
      await written.sync().finally(() => written.close())
      await rm(join(directory, folderOf(step)), { recursive: true, force: true })
      await rename(temporary, join(directory, folderOf(step)))
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
   * Puts the saved values into states; may be called again for others.
   * @error InvalidInput when a file cannot be read or lacks one of their tensors
   */
  readonly restore: (states: States) => Effect.Effect<void, InvalidInput>
}

/**
 * The newest whole checkpoint of a directory; what a killed process left half written is removed.
 *
 * @returns undefined when there is none
 * @error InvalidInput when the newest checkpoint is of another run, or is not readable
 */
export const newestCheckpoint = (
  directory: string,
  identity: string,
): Effect.Effect<Checkpoint | undefined, InvalidInput> =>
  Effect.gen(function* () {
    yield* Effect.promise(async () => {
      for (const name of await readdir(directory).catch(() => [] as Array<string>))
        if (name.endsWith(".tmp")) await rm(join(directory, name), { recursive: true, force: true })
    })
    const step = (yield* Effect.promise(() => steps(directory))).at(-1)
    if (step === undefined) return undefined
    const folder = join(directory, folderOf(step))
    const refuse = (problem: string) =>
      new InvalidInput({
        what: `checkpoint ${folder}`,
        problems: [`${problem}; remove the folder or run with --fresh`],
      })
    const text = yield* Effect.tryPromise({
      try: async () => parseJson(await readFile(join(folder, files.json), "utf8")) as unknown,
      catch: (cause) => refuse(String(cause)),
    })
    const saved = yield* decode<unknown, typeof schema.infer>(`checkpoint ${folder}`, schema, text)
    if (saved.identity !== identity) return yield* refuse(`is of another run (${saved.identity}, not ${identity})`)
    return {
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
          catch: (cause) => (cause instanceof InvalidInput ? cause : refuse(String(cause))),
        }),
    } satisfies Checkpoint
  })
