/**
 * Folders of heads: head.json beside head.safetensors, whose tensors have the names that the head gives its parameters. A private
 * part is a folder of its own, head.json beside private.safetensors, which names the folder of the shared head.
 */
import { copyFileSync, existsSync, mkdirSync, realpathSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { DataError, type DraftHead, type Encoder, type Engine, type HeadInstance, InvalidInput } from "@winnow/core"
import { parseJson, readRegularText, writeWhole } from "@winnow/files"
import { type Elements, fillTensor, tf } from "@winnow/tensor"
import { type } from "arktype"
import type { Effect } from "effect"
import { attempt, withDataErrors } from "./data-errors.ts"
import { nonFiniteProblem } from "./finite.ts"
import { type HeadText, makeHead } from "./make-head.ts"
import { ownVariable } from "./model.ts"
import { firstRowsOf, privateFile } from "./private-folder.ts"
import { isPrivate } from "./private-part.ts"
import { openSafetensors, writeSafetensors } from "./safetensors.ts"

const [settings, weights] = ["head.json", "head.safetensors"]

/** The head of a folder: its plugin with options, and the target that it belongs to. */
const headJson = type({
  head: "string",
  options: "object",
  target: { model_type: "string", hidden_size: "number", vocab_size: "number" },
  // Of a folder with a private part alone: where the shared head is, and the sum of its first rows.
  "shared?": { "+": "reject", path: "string >= 1", rows: "string" },
})
type HeadJson = typeof headJson.infer

/** Writes head.json, the last file: its presence says that the folder is whole. */
const writeSettings = (dir: string, json: HeadJson) =>
  withDataErrors(() => writeWhole(join(dir, settings), `${JSON.stringify(json, null, 2)}\n`))

/** Writes some parameters of a head and its settings. */
const write = (
  { name, target: { architecture }, parameters }: DraftHead,
  options: object,
  dir: string,
  file: string,
  isIn: (name: string) => boolean,
) => {
  const written = [...parameters].filter(([name]) => isIn(name))
  writeSafetensors(
    join(dir, file),
    written.map(([name, variable]) => ({
      name,
      shape: variable.shape,
      data: () => variable.dataSync() as Float32Array,
    })),
  )
  const { type: model_type, hiddenSize: hidden_size, vocabularySize: vocab_size } = architecture
  writeSettings(dir, { head: name, options, target: { model_type, hidden_size, vocab_size } })
}

/**
 * Writes a head; each file whole or not at all. The target is not in the folder.
 *
 * @param options of the head's plugin, as JSON
 * @error DataError if a file cannot be written
 */
export const saveHead = (
  head: DraftHead,
  options: object,
  dir: string,
): Effect.Effect<void, DataError | InvalidInput> => attempt(() => write(head, options, dir, weights, () => true))

/**
 * Writes the private part of a head alone; `placePrivateHead` puts it beside a shared one.
 *
 * @param options of the head with its private part
 * @error DataError if a file cannot be written
 */
export const savePrivateHead = (
  head: DraftHead,
  options: object,
  dir: string,
): Effect.Effect<void, DataError | InvalidInput> => attempt(() => write(head, options, dir, privateFile, isPrivate))

/**
 * Writes a private part that `savePrivateHead` wrote alone to another folder, whose head.json names the shared head by a path
 * from there. The folder then opens as a head.
 *
 * @param shared the folder of the shared head
 * @error DataError if a file cannot be read or written
 */
export const placePrivateHead = (
  from: string,
  dir: string,
  shared: string,
): Effect.Effect<void, DataError | InvalidInput> =>
  attempt(() => {
    const json = settingsOf(from)
    withDataErrors(() => {
      mkdirSync(dir, { recursive: true })
      copyFileSync(join(from, privateFile), join(dir, privateFile))
      // A path from here keeps its meaning where all folders move together.
      const path = relative(realpathSync(dir), realpathSync(shared))
      writeSettings(dir, { ...json, shared: { path, rows: firstRowsOf([join(shared, weights)]) } })
    })
  })

/** True of a folder with the private part of a head alone. @error DataError (thrown) for a damaged head.json */
export const isPrivateHead = (dir: string): boolean =>
  existsSync(join(dir, settings)) && settingsOf(dir).shared !== undefined

/** The sum of the first rows of a head, which tells one shared head from another. @error DataError (thrown) for none */
export const firstRowsOfHead = (dir: string): string => firstRowsOf([join(dir, weights)])

/** The files with a head's weights, by their paths from its folder. @error DataError (thrown) as `loadHead` */
export const headWeightFiles = (dir: string): ReadonlyArray<string> =>
  weightsOf(dir, settingsOf(dir)).map((path) => relative(dir, path))

/** The files with a head's weights: its own, or the shared head's and the private part's. */
const weightsOf = (dir: string, { head, shared }: HeadJson): ReadonlyArray<string> => {
  if (shared === undefined) return [join(dir, weights)]
  const place = resolve(dir, shared.path)
  const fail = (problem: string) => new DataError({ message: `${join(dir, settings)}: ${problem}` })
  if (!existsSync(join(place, weights)))
    throw fail(`its shared head ${place} is not there; keep the folders side by side as they were written`)
  if (settingsOf(place).head !== head || firstRowsOf([join(place, weights)]) !== shared.rows)
    throw fail(`its private part was trained beside another head than ${place}; give that one its place back`)
  return [join(place, weights), join(dir, privateFile)]
}

/** The plugin of a folder's head, by name, and its options. */
export interface HeadFolderSettings {
  readonly name: string
  readonly options: object
}

/**
 * The head of a folder that `saveHead` wrote; undefined for a folder without head.json.
 * @error DataError for a head.json of another form
 */
export const readHeadSettings = (
  dir: string,
): Effect.Effect<HeadFolderSettings | undefined, DataError | InvalidInput> =>
  attempt(() => {
    if (!existsSync(join(dir, settings))) return undefined
    const { head: name, options } = settingsOf(dir)
    return { name, options }
  })

/** The content of a folder's head.json. @error DataError (thrown) for another form */
const settingsOf = (dir: string): HeadJson => {
  const file = join(dir, settings)
  const json = headJson(
    withDataErrors(() => {
      const text = readRegularText(file, { most: 1 << 20, what: "the settings of a head" })
      return parseJson(text) as unknown
    }),
  )
  if (json instanceof type.errors) throw new DataError({ message: `${file}: ${json.summary}; is it a head's?` })
  return json
}

/**
 * Writes the folder that an engine reads of a head: model.safetensors, and config.json last.
 *
 * @error InvalidInput if no engine reads such heads, or the engine cannot compute this one; DataError if a file cannot be
 * written
 */
export const saveHeadFor = (
  engine: Engine,
  { name, folderFor }: DraftHead,
  dir: string,
): Effect.Effect<void, DataError | InvalidInput> =>
  attempt(() => {
    if (folderFor === undefined)
      throw new InvalidInput({ what: `head ${name}`, problems: [`has no layout that ${engine} reads`] })
    const { config, tensors } = folderFor(engine)
    writeSafetensors(join(dir, "model.safetensors"), tensors)
    withDataErrors(() => writeWhole(join(dir, "config.json"), `${JSON.stringify(config, null, 2)}\n`))
  })

/**
 * Reads a head for a target. The caller disposes of the head; the target keeps its owner.
 *
 * @error DataError if the folder has another head, or one for another target; if a file is missing or damaged, its tensors are
 *   not the head's parameters, or a weight is not finite
 */
export const loadHead = (
  dir: string,
  head: HeadInstance,
  target: Encoder,
  text: HeadText = {},
): Effect.Effect<DraftHead, DataError | InvalidInput> =>
  attempt(() => {
    const file = join(dir, settings)
    const fail = (problem: string) => new DataError({ message: `${file}: ${problem}` })
    const json = settingsOf(dir)
    if (json.head !== head.name) throw fail(`is of head ${json.head}, expected ${head.name}`)
    const { hiddenSize, vocabularySize, type: family } = target.architecture
    const { model_type, hidden_size, vocab_size } = json.target
    if (hidden_size !== hiddenSize || vocab_size !== vocabularySize)
      throw fail(
        `was made for a ${model_type} of hidden size ${hidden_size} and ${vocab_size} ids; the target, a ${family}, has ${hiddenSize} and ${vocabularySize}`,
      )
    const files = weightsOf(dir, json).map((path) => ({ path, opened: openSafetensors(path) }))
    const parameters = new Map<string, tf.Variable>()
    try {
      for (const [name, { shape }] of head.on(target.architecture).parameters) {
        const { path, opened: found } = files.length > 1 && isPrivate(name) ? files[1]! : files[0]!
        const has = found.tensors.get(name)?.shape
        if (has?.join() !== shape.join())
          throw new DataError({
            message: `${path}: tensor ${name} is ${has ? `[${has}]` : "missing"}, expected [${shape}]`,
          })
        const fill = (values: Elements) => {
          found.readInto(name, values as Float32Array)
          const problem = nonFiniteProblem(name, shape, values as Float32Array)
          if (problem !== undefined) throw new DataError({ message: `${path}: ${problem}` })
        }
        parameters.set(
          name,
          ownVariable(() => fillTensor(shape, "float32", fill)),
        )
      }
      return makeHead(head, target, parameters, text)
    } catch (error) {
      tf.dispose([...parameters.values()])
      throw error
    } finally {
      for (const { opened } of files) opened.close()
    }
  })
