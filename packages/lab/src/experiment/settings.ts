/** `--set path=value`: one setting of an experiment changed from outside, or an error that names what there is. */
import { InvalidInput, type PluginKind, type Use } from "@winnow/core"
import { optimizerOptions, signalsOptions } from "@winnow/training"
import { Effect } from "effect"
import type { Experiment } from "./define.ts"
import { keysOf } from "./keys.ts"
import {
  armSpec,
  draftSpec,
  experimentSpec,
  measureSpec,
  referenceSpec,
  targetSpec,
  tokenizerSpec,
  trainingSpec,
  tuningSpec,
} from "./spec.ts"

type AnyUse = Use<PluginKind, unknown, unknown, unknown>
type Node = Readonly<Record<string, unknown>>

/** A path and a value; the value is JSON, or the text itself where it is none. */
export interface Setting {
  readonly path: ReadonlyArray<string>
  readonly value: unknown
}

/** @error InvalidInput for a text without "=" or with an empty path */
export const parseSetting = (text: string): Effect.Effect<Setting, InvalidInput> => {
  const equals = text.indexOf("=")
  const path = text.slice(0, Math.max(0, equals)).split(".")
  if (equals <= 0 || path.includes("")) {
    const problems = ["expected path=value, such as arms.adaspec.filter.k=0.3 or seeds=[1,2,3]"]
    return Effect.fail(new InvalidInput({ what: `--set ${text}`, problems }))
  }
  const source = text.slice(equals + 1)
  try {
    return Effect.succeed({ path, value: JSON.parse(source) as unknown })
  } catch {
    return Effect.succeed({ path, value: source })
  }
}

const isUse = (value: unknown): value is AnyUse =>
  typeof value === "object" && value !== null && "withOptions" in value && "decoded" in value

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isUse(value)

/** Plugins by kind and name: those registered, and those in use. */
export type Registry = ReadonlyMap<string, (options: unknown) => AnyUse>

/** What an experiment can name: its `plugins`, and every plugin it uses. */
export const registryOf = (experiment: Experiment): Registry => {
  const registry = new Map<string, (options: unknown) => AnyUse>()
  const visit = (value: unknown): void => {
    if (isUse(value)) registry.set(`${value.kind} ${value.name}`, value.withOptions)
    else if (isNode(value)) for (const inner of Object.values(value)) visit(inner)
  }
  const { plugins = [], ...rest } = experiment
  visit(rest)
  for (const plugin of plugins as ReadonlyArray<{ kind: PluginKind; plugin: string; use: (o: unknown) => AnyUse }>)
    registry.set(`${plugin.kind} ${plugin.plugin}`, plugin.use)
  return registry
}

/** Fields that hold a plugin, by their name wherever they stand. */
const pluginFields: Readonly<Record<string, PluginKind>> = {
  filter: "filter",
  loss: "loss",
  model: "model",
  task: "task",
}

/** The schema of the object at a path: where a field may be set that the author left out. */
const schemaAt = (path: ReadonlyArray<string>) => {
  const at = path.join(".")
  if (at === "") return experimentSpec
  if (path.at(-1) === "optimizer") return optimizerOptions
  if (path.at(-1) === "signals") return signalsOptions
  if (path.at(-1) === "reference") return referenceSpec
  if ((path.length === 2 && path[0] === "arms") || at === "capacity") return armSpec
  return {
    target: targetSpec,
    draft: draftSpec,
    "draft.pretraining": trainingSpec,
    measure: measureSpec,
    tuning: tuningSpec,
    tokenizer: tokenizerSpec,
  }[at]
}

/** Changes one setting. */
class Change {
  constructor(
    readonly registry: Registry,
    readonly setting: Setting,
  ) {}

  fail(problem: string): InvalidInput {
    const { path, value } = this.setting
    return new InvalidInput({ what: `--set ${path.join(".")}=${JSON.stringify(value)}`, problems: [problem] })
  }

  /** A plugin from its name, or from `{ name, options }`. */
  plugin(kind: PluginKind, value: unknown): AnyUse {
    const given = isNode(value) ? value : { name: value }
    const make = this.registry.get(`${kind} ${String(given["name"])}`)
    if (make) return make(given["options"] ?? {})
    const have = [...this.registry.keys()].filter((k) => k.startsWith(`${kind} `)).map((k) => k.slice(kind.length + 1))
    throw this.fail(
      `no ${kind} ${JSON.stringify(given["name"])} here; there are ${have.join(", ")} (add others to the experiment's plugins)`,
    )
  }

  /** A value from outside, with the names in plugin fields made into plugins. */
  revive(field: string, value: unknown): unknown {
    const kind = pluginFields[field]
    if (kind !== undefined) return this.plugin(kind, value)
    if (!isNode(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.revive(key, inner)]))
  }

  /** The options of a plugin with one changed, checked at once: the error is about this setting. */
  option(use: AnyUse, path: ReadonlyArray<string>): AnyUse {
    const changed = use.withOptions(setIn(use.options, path, this.setting.value))
    const exit = Effect.runSyncExit(Effect.result(changed.decoded))
    if (exit._tag === "Success" && exit.value._tag === "Success") return changed
    const known = Effect.runSyncExit(Effect.result(use.decoded))
    const keys = known._tag === "Success" && known.value._tag === "Success" ? Object.keys(known.value.success) : []
    const problem = exit._tag === "Success" && exit.value._tag === "Failure" ? exit.value.failure.message : "refused"
    throw this.fail(`${problem}. Options of ${use.kind} ${use.name}: ${keys.join(", ") || "none"}`)
  }

  apply(node: unknown, depth = 0): unknown {
    const { path, value } = this.setting
    const [done, rest] = [path.slice(0, depth), path.slice(depth)]
    const [key, ...deeper] = rest
    if (isUse(node)) return key === undefined ? this.plugin(node.kind, value) : this.option(node, rest)
    if (key === undefined) return this.revive(done.at(-1) ?? "", value)
    if (Array.isArray(node) && /^\d+$/.test(key) && Number(key) < node.length)
      return node.with(Number(key), this.apply(node[Number(key)], depth + 1))
    if (!isNode(node)) throw this.fail(`${done.join(".")} is ${JSON.stringify(node)}: nothing is inside it`)
    if (!(key in node)) {
      const schema = schemaAt(done)
      const possible = [...new Set([...Object.keys(node), ...(schema ? keysOf(schema) : [])])]
      const newArm = done.join(".") === "arms" && deeper.length === 0 && isNode(value)
      const creatable = possible.includes(key) && (deeper.length === 0 || schemaAt(path.slice(0, depth + 1)))
      if (!newArm && !creatable) {
        const where = done.length === 0 ? "the experiment" : done.join(".")
        throw this.fail(`${where} has no ${key}; it has ${possible.filter((k) => k !== "plugins").join(", ")}`)
      }
    }
    return { ...node, [key]: this.apply(node[key] ?? (deeper.length > 0 ? {} : undefined), depth + 1) }
  }
}

const setIn = (options: unknown, [key, ...deeper]: ReadonlyArray<string>, value: unknown): unknown => {
  if (key === undefined) return value
  const node = isNode(options) ? options : {}
  return { ...node, [key]: setIn(node[key], deeper, value) }
}

/**
 * The experiment with the settings made, in order; not yet checked as a whole (`resolve` does).
 *
 * @error InvalidInput for a path that leads nowhere, a plugin or an option that does not exist: says what does
 */
export const applySettings = (
  experiment: Experiment,
  texts: ReadonlyArray<string>,
): Effect.Effect<Experiment, InvalidInput> =>
  Effect.gen(function* () {
    const registry = registryOf(experiment)
    let changed = experiment
    for (const text of texts) {
      const setting = yield* parseSetting(text)
      changed = yield* Effect.try({
        try: () => new Change(registry, setting).apply(changed) as Experiment,
        catch: (error) => {
          if (error instanceof InvalidInput) return error
          throw error
        },
      })
    }
    return changed
  })
