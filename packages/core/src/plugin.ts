/**
 * Types and constructors of every plugin: a plugin is a function from options to a use of itself.
 *
 * `adaspec({ k: 0.3 })` is a value with a name, the given options, and an Effect that checks the options and makes the
 * instance. A task names data sets in that Effect's type; filters and losses declare their needs as data.
 */
import type { Type } from "arktype"
import { Cause, Effect } from "effect"
import { messageOf } from "./contract/brief.ts"
import { PluginFault, thrownBy } from "./contract/fault.ts"
import { placeOf } from "./contract/place.ts"
import { decode } from "./decode.ts"
import { InvalidInput } from "./errors.ts"
import { type Origin, originOf } from "./origin.ts"

export type PluginKind =
  | "examples"
  | "filter"
  | "head"
  | "loss"
  | "measure"
  | "model"
  | "objective"
  | "proposer"
  | "score"
  | "service"
  | "study"
  | "task"
  | "variable"

/** One plugin with one set of options, in the form that an arm or a stage names. */
export interface Use<Kind extends PluginKind, Instance, Requirements = never, Failure = never> {
  readonly kind: Kind
  readonly name: string
  /** In the user's form; `decoded` fills in the defaults. */
  readonly options: unknown
  /** The options with their defaults: a run records them, and an artifact's key contains them. */
  readonly decoded: Effect.Effect<Record<string, unknown>, InvalidInput>
  /** The place of the plugin's definition: its files and all that they import are part of an artifact's key. */
  readonly origin: Origin
  /** The same plugin with other options: settings use it to change one of them. */
  readonly withOptions: (options: unknown) => Use<Kind, Instance, Requirements, Failure>
  readonly instance: Effect.Effect<Instance, InvalidInput | Failure, Requirements>
}

/** A use with further fields, which the same plugin also has with other options. */
export type UseWith<Kind extends PluginKind, Instance, R, E, More extends object> = Omit<
  Use<Kind, Instance, R, E>,
  "withOptions"
> &
  More & { readonly withOptions: (options: unknown) => UseWith<Kind, Instance, R, E, More> }

/** Options in the caller's form: those with a default may be left out. */
export type OptionsIn<O extends Type> = O["inferIn"]

/** A plugin: call it with options. U is what a call returns. */
export interface Plugin<O extends Type, U extends AnyUse> {
  (...options: Record<never, never> extends OptionsIn<O> ? [options?: OptionsIn<O>] : [options: OptionsIn<O>]): U
  readonly kind: PluginKind
  readonly plugin: string
  readonly schema: O
  /** The same call for options that the type checker does not see (the command line). */
  readonly use: (options: unknown) => U
}

/** A plugin with options, of any kind. */
export type AnyUse = Use<PluginKind, unknown, unknown, unknown>

/** The errors that a plugin may fail with: each has its own exit code. */
const isKnown = (error: unknown) =>
  typeof error === "object" &&
  error !== null &&
  "_tag" in error &&
  ["InvalidInput", "DataError", "FileError", "TrainingStopped"].includes(String(error._tag))

/** The error behind a failure: `Effect.try` and its siblings wrap thrown values. */
const meant = (error: unknown) =>
  error instanceof Error && error.cause instanceof Error && error.name.includes("Unknown") ? error.cause : error

/** Reports an error that `make` throws, or dies by, as a fault of the plugin. */
const named = <A, E, R>(what: string, making: Effect.Effect<A, E, R>): Effect.Effect<A, E | InvalidInput, R> =>
  Effect.catchCause(making, (cause): Effect.Effect<never, E | InvalidInput> => {
    const defect = cause.reasons.find(Cause.isDieReason)?.defect
    const failure = cause.reasons.find(Cause.isFailReason)?.error
    if (defect === undefined && failure !== undefined && !isKnown(failure))
      return Effect.fail(
        new PluginFault(what, "definition", `make failed: ${messageOf(meant(failure))}`, placeOf(meant(failure))),
      )
    if (defect === undefined) return Effect.failCause(cause)
    const error = defect instanceof InvalidInput ? defect : thrownBy(what, "make", defect)
    return error instanceof InvalidInput ? Effect.fail(error) : Effect.failCause(cause)
  })

/** True for a plugin with options, including a changed copy of one. */
export const isUse = (value: unknown): value is AnyUse =>
  typeof value === "object" && value !== null && "withOptions" in value && "decoded" in value

/**
 * The plugins in a value, such as the filters among the options of a combinator, without the plugins in their own
 * options.
 */
export const usesIn = (value: unknown): ReadonlyArray<AnyUse> => {
  if (isUse(value)) return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(usesIn) : []
}

/** A plugin and all plugins in its options, at any depth. */
export const withInner = (use: AnyUse): ReadonlyArray<AnyUse> => [use, ...usesIn(use.options).flatMap(withInner)]

const uses = new WeakSet<object>()

/** True for a use that a plugin returned: a copy with exchanged parts would have the origin of another plugin. */
export const isUseOfPlugin = (value: unknown): boolean => typeof value === "object" && value !== null && uses.has(value)

/**
 * Makes a plugin of any kind; `defineFilter` and its siblings call it with their own `make`.
 *
 * @param spec.more computes, from its options as written and decoded, fields that every use of it has beside the common
 * ones
 */
export const definePlugin = <Kind extends PluginKind, const O extends Type, Instance, R, E, More extends object>(spec: {
  readonly kind: Kind
  readonly name: string
  readonly options: O
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string | undefined
  readonly more: (options: unknown, decoded: Effect.Effect<O["infer"], InvalidInput>) => More
  readonly make: (options: O["infer"]) => Effect.Effect<Instance, E, R>
}): Plugin<O, UseWith<Kind, Instance, R, E, More>> => {
  const what = `${spec.kind} ${spec.name}`
  const origin = originOf(spec.kind, spec.name, spec.from)
  const use = (options: unknown): UseWith<Kind, Instance, R, E, More> => {
    const decoded = decode<unknown, O["infer"]>(what, spec.options as never, options ?? {})
    const instanceUse = {
      ...spec.more(options ?? {}, decoded),
      kind: spec.kind,
      name: spec.name,
      options: options ?? {},
      decoded: decoded as Effect.Effect<Record<string, unknown>, InvalidInput>,
      origin,
      withOptions: use,
      instance: Effect.flatMap(decoded, (options) =>
        named(
          what,
          Effect.suspend(() => spec.make(options)),
        ),
      ),
    }
    uses.add(Object.freeze(instanceUse))
    return instanceUse
  }
  return Object.assign((...options: ReadonlyArray<unknown>) => use(options[0]), {
    kind: spec.kind,
    plugin: spec.name,
    schema: spec.options,
    use,
  }) as Plugin<O, UseWith<Kind, Instance, R, E, More>>
}
