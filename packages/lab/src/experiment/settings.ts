/**
 * `--set path=value`: changes one setting of an experiment from outside, or gives an error that lists the valid names.
 */
import { type AnyUse, fieldsAt, InvalidInput, isUse, ofThese } from "@winnow/core"
import { jsonProblem } from "@winnow/files"
import { optimizerOptions, signalsOptions } from "@winnow/training"
import { Effect } from "effect"
import type { Experiment } from "./define.ts"
import { fieldWithin } from "./plugin-fields.ts"
import { isNode, pluginNamed, type Registry, registryOf, revive } from "./registry.ts"
import { fromShort, type ShortForms } from "./short-forms.ts"
import {
  armSpec,
  draftSpec,
  experimentSpec,
  measureSpec,
  referenceSpec,
  shortReferences,
  shortTokenizers,
  tokenizerSpec,
} from "./spec.ts"
import { stabilitySpec } from "./stability.ts"
import { armStart, shortStarts } from "./start.ts"
import { sweepSpec } from "./sweep.ts"
import { partSpec, shortTexts, textSpec } from "./text.ts"
import { adaptersSpec, batchSpec, trainingSpec } from "./training-spec.ts"
import { variantsOf, withVariants } from "./variants.ts"

/** A path and a value; the value is JSON, or the text itself if it is not JSON. */
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
  if (path.length > deepest) {
    const problems = [`has a path of ${path.length} names; the deepest setting has fewer than ${deepest}`]
    return Effect.fail(new InvalidInput({ what: `--set ${text.slice(0, 60)}...`, problems }))
  }
  const source = text.slice(equals + 1)
  let value: unknown = source
  try {
    value = JSON.parse(source)
  } catch {}
  const problem = jsonProblem(value)
  return problem === undefined
    ? Effect.succeed({ path, value })
    : Effect.fail(new InvalidInput({ what: `--set ${path.join(".").slice(0, 200)}`, problems: [problem] }))
}

/** Names in the longest path; far more than there are levels. */
const deepest = 32

/** The beginning of a value from outside, for a message. */
const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 200 ? `${text.slice(0, 200)}...` : text
}

/** The schema of the object at a path: it allows fields that the author left out. */
const schemaAt = (path: ReadonlyArray<string>) => {
  const at = path.join(".")
  if (at === "") return experimentSpec
  if (path.at(-2) === "parts") return partSpec
  if (path.at(-1) === "optimizer") return optimizerOptions
  if (path.at(-1) === "signals") return signalsOptions
  if (path.at(-1) === "adapters") return adaptersSpec
  if (path.at(-1) === "batch") return batchSpec
  const ofSignals = path.at(-2) === "signals"
  if (path.at(-1) === "start" || path.at(-1) === "of" || (path.at(-1) === "target" && !ofSignals)) return armStart
  if (path.at(-1) === "pretraining") return trainingSpec
  if (path.at(-1) === "text") return textSpec
  if (path.at(-1) === "reference") return referenceSpec
  if ((path.length === 2 && path[0] === "arms") || at === "capacity") return armSpec
  return schemas.get(at)
}

const schemas: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["draft", draftSpec],
  ["measure", measureSpec],
  ["stability", stabilitySpec],
  ["sweep", sweepSpec],
  ["tokenizer", tokenizerSpec],
])

/** Fields that accept a short text in place of an object, by their name; signals have fields of these names too. */
const shortForms: ReadonlyMap<string, ShortForms> = new Map([
  ["start", shortStarts],
  ["target", shortStarts],
  ["reference", shortReferences],
  ["text", shortTexts],
  ["tokenizer", shortTokenizers],
])

/** Changes one setting. */
class Change {
  constructor(
    readonly registry: Registry,
    readonly setting: Setting,
  ) {}

  readonly fail = (problem: string): InvalidInput => {
    const { path, value } = this.setting
    return new InvalidInput({ what: `--set ${path.join(".")}=${shown(value)}`, problems: [problem] })
  }

  /** The options of a plugin with one changed, checked at once, so that the error names this setting. */
  option(use: AnyUse, path: ReadonlyArray<string>): AnyUse {
    const changed = use.withOptions(this.inOptions(use.options, path, path.at(-1)!))
    const exit = Effect.runSyncExit(Effect.result(changed.decoded))
    if (exit._tag === "Success" && exit.value._tag === "Success") return changed
    throw this.fail(exit._tag === "Success" && exit.value._tag === "Failure" ? exit.value.failure.message : "refused")
  }

  /** A value among the options of a plugin, which may be a plugin or a list of them. */
  inOptions(value: unknown, path: ReadonlyArray<string>, field: string): unknown {
    const [key, ...deeper] = path
    if (isUse(value))
      return key === undefined
        ? pluginNamed(this.registry, value.kind, this.setting.value, this.fail)
        : this.option(value, path)
    if (key === undefined) return revive(this.registry, field, this.setting.value, this.fail)
    if (Array.isArray(value) && /^\d+$/.test(key) && Number(key) < value.length)
      return value.with(Number(key), this.inOptions(value[Number(key)], deeper, field))
    const node = isNode(value) ? value : {}
    return { ...node, [key]: this.inOptions(Object.hasOwn(node, key) ? node[key] : undefined, deeper, field) }
  }

  apply(node: unknown, depth = 0): unknown {
    const { path, value } = this.setting
    const [done, rest] = [path.slice(0, depth), path.slice(depth)]
    const [key, ...deeper] = rest
    if (isUse(node))
      return key === undefined ? pluginNamed(this.registry, node.kind, value, this.fail) : this.option(node, rest)
    if (key === undefined) {
      const field = fieldWithin(done.at(-2), done.at(-1) ?? "")
      const forms = done.at(-2) === "signals" ? undefined : shortForms.get(field)
      if (forms !== undefined && typeof value === "string") return fromShort(forms, value, this.fail)
      return revive(this.registry, field, value, this.fail)
    }
    if (Array.isArray(node) && /^\d+$/.test(key) && Number(key) < node.length)
      return node.with(Number(key), this.apply(node[Number(key)], depth + 1))
    if (!isNode(node)) throw this.fail(`${done.join(".")} is ${shown(node)}: nothing is inside it`)
    const own = Object.hasOwn(node, key) ? node[key] : undefined
    if (!Object.hasOwn(node, key)) {
      const schema = schemaAt(done)
      const possible = [...new Set([...Object.keys(node), ...(schema ? fieldsAt(schema) : [])])]
      const newArm = done.join(".") === "arms" && deeper.length === 0 && isNode(value)
      const creatable = possible.includes(key) && (deeper.length === 0 || schemaAt(path.slice(0, depth + 1)))
      if (!newArm && !creatable) {
        const where = done.length === 0 ? "the experiment" : done.join(".")
        const names = possible.filter((k) => k !== "plugins")
        throw this.fail(`${where} has no ${key}${ofThese(key, names, "it has")}`)
      }
    }
    return { ...node, [key]: this.apply(own ?? (deeper.length > 0 ? {} : undefined), depth + 1) }
  }
}

/**
 * The experiment after the settings, in order; `resolve` later checks it as a whole.
 *
 * @error InvalidInput for an unknown path, plugin or option: lists the known ones
 */
export const applySettings = (
  experiment: Experiment,
  texts: ReadonlyArray<string>,
): Effect.Effect<Experiment, InvalidInput> =>
  Effect.gen(function* () {
    const registry = registryOf(experiment)
    const refused = <A>(run: () => A) =>
      Effect.try({
        try: run,
        catch: (error) => {
          if (error instanceof InvalidInput) return error
          throw error
        },
      })
    let changed = experiment
    for (const text of texts) {
      const variants = yield* refused(() => variantsOf(text))
      // An unknown arm is refused like any unknown path.
      const several = variants !== undefined && Object.hasOwn(changed.arms, variants.arm) ? variants : undefined
      if (several !== undefined) changed = yield* refused(() => withVariants(changed, several))
      for (const one of several?.each.map((variant) => variant.text) ?? [text]) {
        const setting = yield* parseSetting(one)
        changed = yield* refused(() => new Change(registry, setting).apply(changed) as Experiment)
      }
    }
    return changed
  })
