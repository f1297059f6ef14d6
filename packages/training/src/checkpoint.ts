/**
 * Checkpoints of a stage: weights, moments, a following reference's weights, counters, the filter's memory.
 *
 * A checkpoint is a folder `step-00000120`, written beside its place and renamed into it, so it is there whole or not at
 * all. Randomness needs no state: every draw is a function of seed and step. The newest two are kept.
 */
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { DataError, decode, InvalidInput, type Parameters } from "@winnow/core"
import { parseJson } from "@winnow/files"
import { openSafetensors, writeSafetensors } from "@winnow/models"
import { type AdamW, tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"

const schema = type({
  "+": "reject",
  step: "number.integer >= 0",
  /** Of the last step. */
  loss: "number",
  tokensSeen: "number >= 0",
  tokensTrained: "number >= 0",
  seconds: "number >= 0",
  filter: "unknown",
  /** The identity of the run: a checkpoint of another run is refused, not resumed. */
  identity: "string",
})
export type Counters = typeof schema.infer

export interface Trained {
  readonly parameters: Parameters
  readonly optimizer: AdamW
  /** The weights of a reference that follows the draft. */
  readonly reference: Parameters | undefined
}

const keep = 2
const folderOf = (step: number) => `step-${String(step).padStart(8, "0")}`
const steps = async (directory: string): Promise<Array<number>> => {
  const names = await readdir(directory).catch(() => [] as Array<string>)
  return names.flatMap((name) => (/^step-\d{8}$/.test(name) ? [Number(name.slice(5))] : [])).sort((a, b) => a - b)
}

const floats = (tensors: Iterable<readonly [string, tf.Tensor]>) =>
  [...tensors].map(([name, x]) => ({ name, shape: x.shape, data: () => x.dataSync() as Float32Array }))

/** Writes a checkpoint whole, then removes all but the newest two. */
export const saveCheckpoint = (directory: string, counters: Counters, trained: Trained) =>
  Effect.tryPromise({
    try: async () => {
      await mkdir(directory, { recursive: true })
      const temporary = join(directory, `.${folderOf(counters.step)}.${process.pid}.tmp`)
      await rm(temporary, { recursive: true, force: true })
      await mkdir(temporary)
      writeSafetensors(join(temporary, "model.safetensors"), floats(trained.parameters))
      const moments = trained.optimizer.moments()
      try {
        writeSafetensors(join(temporary, "optimizer.safetensors"), floats(Object.entries(moments)))
      } finally {
        tf.dispose(moments)
      }
      if (trained.reference !== undefined)
        writeSafetensors(join(temporary, "reference.safetensors"), floats(trained.reference))
      await writeFile(join(temporary, "state.json"), `${JSON.stringify(counters, null, 2)}\n`)
      const state = await open(join(temporary, "state.json"))
      await state.sync().finally(() => state.close())
      await rm(join(directory, folderOf(counters.step)), { recursive: true, force: true })
      await rename(temporary, join(directory, folderOf(counters.step)))
      for (const old of (await steps(directory)).slice(0, -keep))
        await rm(join(directory, folderOf(old)), { recursive: true, force: true })
    },
    catch: (cause) =>
      new DataError({
        message: `could not write the checkpoint of step ${counters.step} to ${directory}: ${String(cause)}`,
        cause,
      }),
  })

/** Hands each tensor of a file to `use`, one in memory at a time. */
const eachTensor = (file: string, names: Iterable<string>, use: (name: string, values: Float32Array) => void) => {
  const opened = openSafetensors(file)
  try {
    for (const name of names) use(name, opened.read(name))
  } finally {
    opened.close()
  }
}

/** Puts a checkpoint's values into the parameters and the following reference. */
const load = (folder: string, trained: Omit<Trained, "optimizer">) => {
  const into = (file: string, parameters: Parameters) =>
    eachTensor(join(folder, file), parameters.keys(), (name, values) => {
      const variable = parameters.get(name)!
      tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)))
    })
  into("model.safetensors", trained.parameters)
  if (trained.reference !== undefined) into("reference.safetensors", trained.reference)
}

/**
 * Loads the newest whole checkpoint of a directory into weights, moments and following reference.
 *
 * @param makeOptimizer called once the weights are in place
 * @returns undefined when there is none
 * @error InvalidInput when the newest checkpoint is of another run, or is not readable
 */
export const resumeCheckpoint = (
  directory: string,
  identity: string,
  trained: Omit<Trained, "optimizer">,
): Effect.Effect<
  | { readonly counters: Counters; readonly restore: (optimizer: AdamW) => Effect.Effect<void, InvalidInput> }
  | undefined,
  InvalidInput
> =>
  Effect.gen(function* () {
    // what a killed process left half written
    yield* Effect.promise(async () => {
      for (const name of await readdir(directory).catch(() => [] as Array<string>))
        if (name.endsWith(".tmp")) await rm(join(directory, name), { recursive: true, force: true })
    })
    const newest = (yield* Effect.promise(() => steps(directory))).at(-1)
    if (newest === undefined) return undefined
    const folder = join(directory, folderOf(newest))
    const refuse = (problem: string) =>
      new InvalidInput({
        what: `checkpoint ${folder}`,
        problems: [`${problem}; remove the folder or run with --fresh`],
      })
    const text = yield* Effect.tryPromise({
      try: async () => parseJson(await readFile(join(folder, "state.json"), "utf8")) as unknown,
      catch: (cause) => refuse(String(cause)),
    })
    const counters = yield* decode<unknown, Counters>(`checkpoint ${folder}`, schema, text)
    if (counters.identity !== identity)
      return yield* refuse(`is of another run (${counters.identity}, not ${identity})`)
    yield* Effect.try({ try: () => load(folder, trained), catch: (cause) => refuse(String(cause)) })
    return {
      counters,
      restore: (optimizer: AdamW) =>
        Effect.try({
          try: () => {
            const file = openSafetensors(join(folder, "optimizer.safetensors"))
            try {
              optimizer.restore({ steps: counters.step, moments: file.read })
            } finally {
              file.close()
            }
          },
          catch: (cause) => refuse(String(cause)),
        }),
    }
  })
