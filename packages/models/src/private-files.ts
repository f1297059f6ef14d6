/**
 * Files of a private part: config.json and private.safetensors, which has the private parameters alone. The shared part is a
 * model folder of its own; config.json names it by a path from here, so that one shared file serves many private ones:
 *
 *   draft/                  config.json, model.safetensors: the shared part, a model like any other
 *   draft/private/law/      config.json, private.safetensors
 *   draft/private/code/     config.json, private.safetensors
 *
 * A private folder opens as a model wherever a folder does.
 */
import { copyFileSync, realpathSync } from "node:fs"
import { join, relative } from "node:path"
import { type Attends, DataError, type Encoder, type Family, InvalidInput, type ModelOf } from "@winnow/core"
import { writeWhole } from "@winnow/files"
import { fillTensor, tf } from "@winnow/tensor"
import type { Effect } from "effect"
import { configText } from "./config-text.ts"
import { attempt, withDataErrors } from "./data-errors.ts"
import { nonFiniteProblem } from "./finite.ts"
import { readJson } from "./folder.ts"
import { ownVariable } from "./model.ts"
import { firstRows, privateFile } from "./private-folder.ts"
import { beside, type PrivateModel, privateNames } from "./private-model.ts"
import {
  isPrivate,
  type PrivateForm,
  privateArchitecture,
  privateKey,
  privateOfConfig,
  sharedConfig,
} from "./private-part.ts"
import { openSafetensors, writeSafetensors } from "./safetensors.ts"
import { excerpt, isRecord } from "./shown.ts"

/**
 * Writes the private part of a model alone.
 *
 * @param shared the folder of the shared part; left out for a part that `loadPrivate` alone opens
 * @error DataError if a file cannot be written
 */
export const savePrivate = (
  { architecture, parameters }: Encoder,
  dir: string,
  shared?: string,
): Effect.Effect<void, DataError | InvalidInput> =>
  attempt(() => {
    const names = privateNames(architecture)
    if (names.length === 0) throw new InvalidInput({ what: "save a private part", problems: ["the model has none"] })
    writeSafetensors(
      join(dir, privateFile),
      names.map((name) => {
        const variable = parameters.get(name)!
        return { name, shape: variable.shape, data: () => variable.dataSync() as Float32Array }
      }),
    )
    const config = shared === undefined ? architecture.config : withShared(architecture.config, dir, shared)
    withDataErrors(() => writeWhole(join(dir, "config.json"), configText(config)))
  })

/** The config.json of a private part whose shared part is a folder. */
const withShared = (
  config: Readonly<Record<string, unknown>>,
  dir: string,
  shared: string,
): Record<string, unknown> => {
  const { size, gate } = privateOfConfig(config) as PrivateForm // the caller has read it
  // A path from here keeps its meaning where all folders move together.
  const path = relative(realpathSync(dir), realpathSync(shared)) // both exist
  return { ...config, [privateKey]: { size, gate, shared: { path, rows: firstRows(shared) } } }
}

/**
 * Writes a private part that `savePrivate` wrote alone to another folder, which names its shared part.
 *
 * @param dir an existing folder; @param shared the folder of the shared part
 * @error DataError if a file cannot be read or written
 */
export const placePrivate = (
  from: string,
  dir: string,
  shared: string,
): Effect.Effect<void, DataError | InvalidInput> =>
  attempt(() => {
    const config = readJson(join(from, "config.json"))
    if (!isRecord(config) || !isRecord(privateOfConfig(config)))
      throw new DataError({ message: `${from} has no ${privateKey} in its config.json; is it a private part?` })
    // All else is as the shared folder has it: a run may have read fewer rows of its vocabulary.
    const whole = { ...(readJson(join(shared, "config.json")) as object), [privateKey]: config[privateKey] }
    withDataErrors(() => {
      copyFileSync(join(from, privateFile), join(dir, privateFile))
      writeWhole(join(dir, "config.json"), configText(withShared(whole, dir, shared)))
    })
  })

/**
 * Puts the private part of a folder beside a shared model, whose variables it uses: one shared model in memory serves many
 * private parts. The caller releases the result, and disposes of the shared model after it.
 *
 * @error DataError if a file is missing or damaged, or the part belongs to a model of another config.json
 */
export const loadPrivate = <A extends Attends>(
  shared: Encoder<A>,
  dir: string,
): Effect.Effect<PrivateModel<ModelOf<A>>, DataError | InvalidInput> =>
  attempt(() => {
    const file = join(dir, "config.json")
    const config = readJson(file)
    const fail = (problem: string) => new DataError({ message: `${file}: ${problem}` })
    const form = isRecord(config) ? privateOfConfig(config) : undefined
    if (!isRecord(config) || form === undefined) throw fail(`has no ${privateKey}; is it the folder of a private part?`)
    if (typeof form === "string") throw fail(form)
    const family = shared.architecture.family as Family | undefined
    const [ours, theirs] = [shared.architecture.config, sharedConfig(config)].map(
      (one) => family?.fromConfig(one, file).parameters,
    )
    const odd = ours && [...ours].find(([name, { shape }]) => theirs!.get(name)?.shape.join() !== shape.join())
    if (odd !== undefined)
      throw fail(
        `is of a model whose ${odd[0]} is not [${odd[1].shape}]; give the shared part that it was trained beside`,
      )
    const architecture = privateArchitecture(shared.architecture, form)
    const found = openSafetensors(join(dir, privateFile))
    const own = new Map<string, tf.Variable>()
    try {
      const strange = [...found.tensors.keys()].find((name) => !isPrivate(name) || !architecture.parameters.has(name))
      if (strange !== undefined) throw fail(`${privateFile} has ${excerpt(strange)}, which is no private parameter`)
      for (const name of privateNames(architecture)) {
        const { shape } = architecture.parameters.get(name)!
        const has = found.tensors.get(name)?.shape
        if (has?.join() !== shape.join())
          throw fail(`tensor ${name} of ${privateFile} is ${has ? `[${has}]` : "missing"}, expected [${shape}]`)
        own.set(
          name,
          ownVariable(() =>
            fillTensor(shape, "float32", (values) => {
              found.readInto(name, values as Float32Array)
              const problem = nonFiniteProblem(name, shape, values as Float32Array)
              if (problem !== undefined) throw fail(problem)
            }),
          ),
        )
      }
      return beside(shared, architecture, own)
    } catch (error) {
      tf.dispose([...own.values()])
      throw error
    } finally {
      found.close()
    }
  })
