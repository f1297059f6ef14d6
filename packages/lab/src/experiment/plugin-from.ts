/** A plugin by its name on the command line: one of this checkout, of a file, or of a package. */
import { existsSync, readdirSync } from "node:fs"
import { isAbsolute, join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { type AnyUse, brief, cut, didYouMean, InvalidInput, type PluginKind } from "@winnow/core"
import { parseJson } from "@winnow/files"
import { Effect } from "effect"
import { houseRoot } from "../store/code/house.ts"
import { enter } from "../store/code/module-graph.ts"
import { encodingProblem, importFault } from "./import-fault.ts"

/** A plugin's name and options, as they are asked for. */
interface Asked {
  readonly name: string
  readonly options: unknown
}

/** Names of this checkout's plugins of a kind: folders `plugins/KIND-NAME`. */
export const pluginsOf = (kind: PluginKind, folder: string = join(houseRoot, "plugins")): ReadonlyArray<string> =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.startsWith(`${kind}-`) && existsSync(join(folder, name, "src/index.ts")))
    .map((name) => name.slice(kind.length + 1))
    .toSorted()

/** A name alone, or `{"name": ..., "options": {...}}` as `--set` has it. */
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

const isPath = (name: string): boolean => isAbsolute(name) || /^\.{1,2}[/\\]/.test(name) || /\.[cm]?[jt]sx?$/.test(name)

/** The module that a name leads to. @error InvalidInput with the plugins that there are */
const moduleOf = (what: string, kind: PluginKind, name: string): Effect.Effect<string, InvalidInput> => {
  if (isPath(name)) {
    const file = resolve(name)
    return existsSync(file)
      ? Effect.succeed(file)
      : Effect.fail(
          new InvalidInput({ what, problems: [`there is no file ${file}; give the path of a plugin's module`] }),
        )
  }
  const own = join(houseRoot, "plugins", `${kind}-${name}`, "src/index.ts")
  if (/^[A-Za-z0-9._+-]+$/.test(name) && existsSync(own)) return Effect.succeed(own)
  try {
    return Effect.succeed(Bun.resolveSync(name, process.cwd()))
  } catch {
    const have = pluginsOf(kind)
    const there = `there are ${have.join(", ") || "none"}${didYouMean(name, have)}`
    const problem = `no ${kind} is called so here, and no package; ${there}; a path such as ./my-${kind}.ts names a file`
    return Effect.fail(new InvalidInput({ what, problems: [problem] }))
  }
}

type AnyPlugin = { readonly kind: PluginKind; readonly plugin: string; readonly use: (options: unknown) => AnyUse }

const isPlugin = (value: unknown, kind: PluginKind): value is AnyPlugin =>
  typeof value === "function" && (value as Partial<AnyPlugin>).kind === kind && "use" in value

/**
 * A plugin with its options from the text of a flag: the name of one of this checkout, the path of a module or the name of a
 * package that exports one, or `{"name": ..., "options": {...}}`.
 *
 * @param what names the flag in errors, such as "--proposer ngram"
 * @error InvalidInput for what names none or several; options are checked by the use itself
 */
export const pluginFrom = Effect.fnUntraced(function* (
  kind: PluginKind,
  what: string,
  text: string,
): Effect.fn.Return<AnyUse, InvalidInput> {
  const { name, options } = yield* askedOf(what, text)
  const file = yield* moduleOf(what, kind, name)
  const encoding = encodingProblem(file)
  if (encoding !== undefined) return yield* new InvalidInput({ what, problems: [encoding] })
  const loaded = yield* Effect.tryPromise({
    try: () => import(pathToFileURL(file).href) as Promise<Readonly<Record<string, unknown>>>,
    catch: (error) => importFault(what, file, error),
  })
  enter(file)
  const found = [...new Set(Object.values(loaded))].filter((value) => isPlugin(value, kind))
  if (found.length === 1) return found[0]!.use(options)
  const names = found.map(({ plugin }) => plugin).join(", ")
  const problem =
    found.length === 0
      ? `${file} exports no ${kind}; export one made by define${kind[0]!.toUpperCase()}${kind.slice(1)}`
      : `${file} exports several: ${names}; export one a module`
  return yield* new InvalidInput({ what, problems: [problem] })
})
