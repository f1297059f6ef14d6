/** The code of a plugin in the form that keys hold. */
import { dirname, relative } from "node:path"
import { type AnyUse, type Origin, type PluginKind, withInner } from "@winnow/core"
import { isHouseSource } from "./house.ts"
import { moduleGraph } from "./module-graph.ts"

/** The fields of a plugin that lead to its code. */
export interface Coded {
  readonly kind: PluginKind
  readonly name: string
  readonly origin: Origin
}

/** The part of a plugin's code that is in a key. */
export interface PluginCode {
  /** Hashes by path, relative to the folder of the file that defines the plugin: the same wherever that folder lies. */
  readonly files: Readonly<Record<string, string>>
  readonly packages?: Readonly<Record<string, string>>
  /** Present from the second definition with this name in the same files. */
  readonly ordinal?: number
  /** Names this process if files do not determine the plugin: no other process reuses its results. */
  readonly onlyIn?: string
}

/** A name for this process and its workers, which inherit it. */
const thisRun = (): string => (process.env["WINNOW_RUN_ID"] ??= crypto.randomUUID())

const outsideOfHouse = ({ files }: Origin): ReadonlyArray<string> => files.filter((file) => !isHouseSource(file))

/** The reasons why a plugin's results cannot be reused; undefined if its files determine them. */
export const untoldOf = ({ kind, name, origin }: Coded): string | undefined => {
  const outside = outsideOfHouse(origin)
  const [reason] = origin.files.length === 0 ? ["no file is known that defines it"] : moduleGraph(outside).untold
  if (reason === undefined) return undefined
  const results = kind === "task" ? `the target's scores by task ${name}` : `results of ${kind} ${name}`
  return (
    `${results} are computed in each run: ${reason}. ` +
    "They are reused once its options and the files that it imports decide all (JSON can be imported; data sets come from Datasets)"
  )
}

/** The code of a plugin; undefined for a plugin in the house's own packages, which the revisions cover. */
export const pluginCode = (use: Coded): PluginCode | undefined => {
  const { origin } = use
  const outside = outsideOfHouse(origin)
  if (origin.files.length > 0 && outside.length === 0) return undefined
  const { files, packages, untold } = moduleGraph(outside)
  const from = outside[0] === undefined ? "/" : dirname(outside[0])
  const named = [...files].map(([file, hash]) => [relative(from, file).replaceAll("\\", "/"), hash] as const)
  return {
    files: Object.fromEntries(named.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    ...(packages.size > 0 ? { packages: Object.fromEntries([...packages].toSorted()) } : {}),
    ...(origin.ordinal > 0 ? { ordinal: origin.ordinal } : {}),
    ...(untold.length > 0 || origin.files.length === 0 ? { onlyIn: thisRun() } : {}),
  }
}

/** The code of several plugins, and of those among their options, by kind and name: for a stage's key. */
export const pluginCodes = (uses: ReadonlyArray<AnyUse>): Readonly<Record<string, PluginCode>> =>
  Object.fromEntries(
    uses.flatMap(withInner).flatMap((use) => {
      const code = pluginCode(use)
      return code ? [[`${use.kind} ${use.name}`, code] as const] : []
    }),
  )
