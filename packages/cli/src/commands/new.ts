/** `winnow new`: writes a folder for a plugin or an experiment that passes its laws at once. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs"
import { homedir } from "node:os"
import { basename, dirname, join, relative, resolve } from "node:path"
import { cut, InvalidInput, ofThese } from "@winnow/core"
import { FileError, fileErrorOf, writeWhole } from "@winnow/files"
import { houseModule, houseModules, houseRoot } from "@winnow/lab"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"

const templates = join(import.meta.dir, "../../templates")

/** Kinds with a template. */
export const templateKinds = (): ReadonlyArray<string> => readdirSync(templates).toSorted()

const camel = (name: string): string => name.replace(/-+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** The files of a kind's template with the new name in them, by their path in the new folder. */
const filesOf = (kind: string, name: string, at: string): ReadonlyArray<readonly [path: string, text: string]> =>
  readdirSync(join(templates, kind)).map((file) => {
    const text = readFileSync(join(templates, kind, file), "utf8")
      .replaceAll(`my-${kind}`, name)
      .replaceAll(camel(`my-${kind}`), camel(name))
      .replaceAll("PATH", at)
    return [kind === "experiment" || file.endsWith(".md") ? file : join("src", file), text]
  })

const importsOf = (texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const transpiler = new Bun.Transpiler({ loader: "ts" })
  const names = texts.flatMap((text) => transpiler.scanImports(text).map(({ path }) => path))
  return [...new Set(names)].filter((name) => houseModules().has(name)).toSorted()
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** The version of a dependency, from a package of this checkout. */
const versionOf = (name: string): string => {
  if (name.startsWith("@winnow/")) return "workspace:*"
  const { version } = JSON.parse(readFileSync(join(houseRoot, "node_modules", name, "package.json"), "utf8")) as {
    version: string
  }
  return version
}

/** package.json of a folder within this checkout. */
const manifest = (name: string, files: ReadonlyArray<readonly [string, string]>): string => {
  const own = files.filter(([path]) => path.endsWith(".ts") && !path.endsWith(".test.ts")).map(([, text]) => text)
  const dependencies = Object.fromEntries(importsOf(own).map((name) => [name, versionOf(name)]))
  const exported = files.some(([path]) => path === join("src", "index.ts")) ? { ".": "./src/index.ts" } : undefined
  return json({
    name: `@winnow/${name}`,
    version: "0.1.0",
    private: true,
    type: "module",
    ...(exported && { exports: exported }),
    dependencies,
  })
}

/** The version of a package of this checkout. */
const houseVersion = (name: string): string => {
  const kinds = ["packages", "plugins"].map((kind) =>
    join(houseRoot, kind, name.replace("@winnow/", ""), "package.json"),
  )
  const { version } = JSON.parse(readFileSync(kinds.find(existsSync)!, "utf8")) as { version: string }
  return version
}

/**
 * package.json of a folder elsewhere: a plugin can be published as it is. Winnow gives it the packages that it imports,
 * so they are peers that no install fetches, with the versions that the plugin was written for.
 */
const outsideManifest = (name: string, files: ReadonlyArray<readonly [string, string]>): string => {
  if (!files.some(([path]) => path === join("src", "index.ts")))
    return json({ name, version: "0.1.0", private: true, type: "module" })
  const own = files.filter(([path]) => path.endsWith(".ts") && !path.endsWith(".test.ts")).map(([, text]) => text)
  const peers = importsOf(own).map((peer) =>
    peer.startsWith("@winnow/") ? ([peer, `^${houseVersion(peer)}`] as const) : ([peer, versionOf(peer)] as const),
  )
  return json({
    name: `winnow-${name}`,
    version: "0.1.0",
    private: true,
    type: "module",
    keywords: ["winnow-plugin"],
    exports: { ".": "./src/index.ts" },
    files: ["src", "!src/**/*.test.ts"],
    peerDependencies: Object.fromEntries(peers),
    peerDependenciesMeta: Object.fromEntries(peers.map(([peer]) => [peer, { optional: true }])),
  })
}

/** tsconfig.json of a folder elsewhere: with it editors, `tsc` and `bun test` know this checkout's packages. */
const outsideConfig = (): string => {
  const entries = [...houseModules()].toSorted().flatMap((name) => {
    const at = name.startsWith("@winnow/") ? houseModule(name) : join(houseRoot, "node_modules", name)
    return at === undefined ? [] : [[name, [at]] as const]
  })
  const paths = Object.fromEntries(entries)
  const compilerOptions = { paths, typeRoots: [join(houseRoot, "node_modules")] }
  return json({ extends: join(houseRoot, "tsconfig.json"), compilerOptions, include: ["**/*.ts"] })
}

const names = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/

/**
 * Writes the folder of a new plugin or experiment, and returns what to do with it, in lines.
 *
 * @param outside the folder to write into, in the place of this checkout
 * @error InvalidInput for a kind without a template, a name that is none, or a folder that is there; FileError of the disk
 */
export const writeNew = Effect.fn("new")(function* ({
  kind,
  name,
  outside,
}: {
  readonly kind: string
  readonly name: string
  readonly outside?: string | undefined
}): Effect.fn.Return<string, InvalidInput | FileError> {
  const what = `new ${cut(kind, 40)} ${cut(name, 60)}`
  const refuse = (problem: string) => new InvalidInput({ what, problems: [problem] })
  if (!templateKinds().includes(kind))
    return yield* refuse(`there is no template of ${cut(kind, 40)}${ofThese(kind, templateKinds(), "there are")}`)
  if (!names.test(name) || name.length > 40)
    return yield* refuse("expected a name of lower-case letters and digits, joined by hyphens, 40 at the most")
  const folderName = kind === "experiment" ? name : `${kind}-${name}`
  const parent =
    outside === undefined
      ? join(houseRoot, kind === "experiment" ? "experiments" : "plugins")
      : resolve(outside.startsWith("~/") ? join(homedir(), outside.slice(2)) : outside)
  const folder = join(parent, folderName)
  if (existsSync(folder)) return yield* refuse(`${folder} is there already; choose another name, or remove it`)
  const isInside = outside === undefined
  const at = isInside ? name : folder
  const files = filesOf(kind, name, at)
  const packageName = kind === "experiment" ? `experiment-${name}` : folderName
  const more: ReadonlyArray<readonly [string, string]> = isInside
    ? [["package.json", manifest(packageName, files)]]
    : [
        ["package.json", outsideManifest(basename(folder), files)],
        ["tsconfig.json", outsideConfig()],
      ]
  yield* Effect.try({
    try: () => {
      for (const [path, text] of [...files, ...more]) {
        mkdirSync(dirname(join(folder, path)), { recursive: true })
        writeWhole(join(folder, path), text)
      }
    },
    catch: (error) => fileErrorOf(error, folder) ?? new FileError(folder, String(error)),
  })
  const displayPath = relative(process.cwd(), folder).startsWith("..") ? folder : relative(process.cwd(), folder)
  const use =
    kind === "experiment"
      ? [`bun run experiment ${at} --limit 2   # a smoke run`]
      : kind === "filter" || kind === "loss"
        ? [`bun run experiment --plugin ${displayPath} --set arms.random.${kind}=${name}`]
        : []
  const install = isInside ? ["bun install                  # so that other packages can import it"] : []
  const lines = [`bun test ${isInside ? displayPath : `.`}`, ...install, ...use].map((line) => `  ${line}`)
  return [`Wrote ${displayPath}: ${[...files, ...more].map(([path]) => path).join(", ")}`, ...lines].join("\n")
})

/** The command. */
export const newFolder = Command.make(
  "new",
  {
    kind: Argument.String("KIND").pipe(Argument.withDescription(templateKinds().join(", "))),
    name: Argument.String("NAME").pipe(Argument.withDescription("lower-case letters and digits, joined by hyphens")),
    outside: Flag.String("outside").pipe(
      Flag.optional,
      Flag.withMetavar("DIR"),
      Flag.withDescription("write the folder into this one instead of this checkout"),
    ),
  },
  ({ outside, ...of }) => Effect.flatMap(writeNew({ ...of, outside: Option.getOrUndefined(outside) }), Console.log),
).pipe(Command.withDescription("Write a folder for a plugin or an experiment that passes its laws at once"))
