/** Reads a plugin with its options from the text of a flag such as `--proposer`. */
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { type AnyUse, brief, cut, didYouMean, InvalidInput, type PluginKind } from "@winnow/core"
import { parseJson } from "@winnow/files"
import { Effect } from "effect"
import { houseRoot } from "../store/code/house.ts"
import { fileOf, pluginsIn } from "./load-plugins.ts"

/** A plugin's name and options, from the text. */
interface Asked {
  readonly name: string
  readonly options: unknown
}

/** The beginning of the folders of a kind: a filter of examples is a filter. */
const folderOf = (kind: PluginKind): string => (kind === "examples" ? "filter" : kind)

/** Names of this checkout's plugins of a kind: folders `plugins/KIND-NAME`. */
const pluginsOf = (kind: PluginKind, folder: string = join(houseRoot, "plugins")): ReadonlyArray<string> =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.startsWith(`${folderOf(kind)}-`) && existsSync(join(folder, name, "src/index.ts")))
    .map((name) => name.slice(folderOf(kind).length + 1))
    .toSorted()

/** Reads a name alone, or `{"name": ..., "options": {...}}`, the form of `--set`. */
const askedOf = (what: string, text: string): Effect.Effect<Asked, InvalidInput> => {
  if (!text.trimStart().startsWith("{")) return Effect.succeed({ name: text, options: {} })
  const refuse = (problem: string) => Effect.fail(new InvalidInput({ what, problems: [problem] }))
  const expected = 'expected a name, or {"name": "...", "options": {...}}'
  let value: unknown
  try {
    value = parseJson(text)
  } catch (error) {
    return refuse(`is no JSON (${(error as Error).message}); ${expected}`)
  }
  const { name, options = {}, ...rest } = value as { readonly name?: unknown; readonly options?: unknown }
  const [odd] = Object.keys(rest)
  if (odd !== undefined) return refuse(`has a field ${cut(odd, 40)}; ${expected}`)
  return typeof name === "string" && name !== ""
    ? Effect.succeed({ name, options })
    : refuse(`has name ${brief(name, 40)}; ${expected}`)
}

/**
 * The file of a plugin by its name: a plugin of this kind in the checkout comes first. @error InvalidInput with the
 * list of plugins
 */
const moduleOf = (what: string, kind: PluginKind, name: string): Effect.Effect<string, InvalidInput> => {
  const own = join(houseRoot, "plugins", `${folderOf(kind)}-${name}`, "src/index.ts")
  const file = /^[A-Za-z0-9._+-]+$/.test(name) && existsSync(own) ? own : fileOf(name)
  if (file !== undefined) return Effect.succeed(file)
  const have = pluginsOf(kind)
  const choices = `there are ${have.join(", ") || "none"}${didYouMean(name, have)}`
  const problem = `leads to no ${kind}: ${choices}; or name a file, a folder with src/index.ts, or a package`
  return Effect.fail(new InvalidInput({ what, problems: [problem] }))
}

/** The file of the plugin that `pluginFrom` reads from the same text: other processes load it again. @error as there */
export const pluginFile = (kind: PluginKind, what: string, text: string): Effect.Effect<string, InvalidInput> =>
  Effect.flatMap(askedOf(what, text), ({ name }) => moduleOf(what, kind, name))

/**
 * A plugin with its options from the text of a flag: the name of a plugin in this checkout, a file, folder or package
 * that exports one, or `{"name": ..., "options": {...}}`.
 *
 * @param what names the flag in errors, such as "--proposer ngram"
 * @error InvalidInput for a text that names none or several; the use itself checks options
 */
export const pluginFrom = Effect.fnUntraced(function* (
  kind: PluginKind,
  what: string,
  text: string,
): Effect.fn.Return<AnyUse, InvalidInput> {
  const { name, options } = yield* askedOf(what, text)
  const file = yield* moduleOf(what, kind, name)
  const plugins = [...new Set((yield* pluginsIn(file)).filter((plugin) => plugin.kind === kind))]
  if (plugins.length === 1) return plugins[0]!.use(options)
  const names = plugins.map(({ plugin }) => plugin).join(", ")
  const problem =
    plugins.length === 0
      ? `${file} exports no ${kind}; export one made by define${kind[0]!.toUpperCase()}${kind.slice(1)}`
      : `${file} exports several: ${names}; export one a module`
  return yield* new InvalidInput({ what, problems: [problem] })
})
