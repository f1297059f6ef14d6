/**
 * A head, trained on the hidden states of a frozen target, in place of a draft with a trunk of its own.
 *
 * Letters: V vocabulary, D hidden size of the target.
 */
import type { Type } from "arktype"
import { Effect } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition, namesAmong } from "./contract/definition.ts"
import { guarded } from "./contract/fault.ts"
import { checkedRows, checkLayers, seenInput } from "./contract/head-contract.ts"
import { type DraftRows, type Seen, type SeenName, seenNames, type TargetSizes } from "./draft-rows.ts"
import type { InvalidInput } from "./errors.ts"
import type { Decoder, ParameterSpec, Parameters } from "./model.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"
import type { Problem } from "./problem.ts"
import type { ProposerParts, TreeGrower } from "./proposal.ts"

/**
 * A parameter of a head. "identity": 1 where row and column are the same, else 0; "target head": it starts as a copy of
 * the target's vocabulary head [V, D]; "target parameter": as a copy of the target's parameter of this name.
 */
export interface HeadParameter {
  readonly shape: ReadonlyArray<number>
  readonly init:
    | ParameterSpec["init"]
    | { readonly kind: "identity" | "target head" }
    | { readonly kind: "target parameter"; readonly name: string }
}

/** Engines whose folders of heads are written. */
export const engines = ["vllm", "sglang"] as const
export type Engine = (typeof engines)[number]

/** A folder that an engine reads: config.json, and the tensors of model.safetensors. */
export interface HeadFolder {
  readonly config: Readonly<Record<string, unknown>>
  readonly tensors: ReadonlyArray<{
    readonly name: string
    readonly shape: ReadonlyArray<number>
    readonly data: () => Float32Array
  }>
}

/** The weights of a head that proposes: its own, and those of its frozen target. */
export interface HeadValues {
  readonly parameters: Parameters
  readonly target: Decoder
}

/** A head for one target, without parameter values. */
export interface HeadArchitecture<R extends SeenName = SeenName> {
  readonly parameters: ReadonlyMap<string, HeadParameter>
  /**
   * The layers of the target whose states `rows` reads as `targetLayers`, as `Architecture.hiddenByLayer` numbers them: 0
   * is the embedding, l the l-th layer's output; below the number of layers.
   */
  readonly layers?: ReadonlyArray<number>
  /** False where `rows` does not read `targetHidden` with these options: stored states then leave it out. */
  readonly readsLast?: boolean
  /** Number of the classes that it predicts in the place of tokens; left out: it predicts tokens. */
  readonly classes?: number | undefined
  /** Number of entries that `rows` gives; 1 if left out. */
  readonly entries?: number
  /**
   * FLOPs of a forward pass for each token of the texts at context length T, without vocabulary heads: of a head that runs
   * over all positions. Left out: its matrices run at the rows of the entries alone.
   */
  readonly trunkFlops?: (T: number) => number
  /** Called inside the step's tidy, on the tape. `seen` has only the values that the head reads. */
  readonly rows: (parameters: Parameters, problem: Problem, seen: Pick<Seen, R>) => ReadonlyArray<DraftRows>
  /**
   * The proposer that it is in decoding. Left out: the head proposes nothing, as it predicts something else.
   *
   * @param grow grows its proposals as trees; only where `trees` is true
   */
  readonly proposing?: (values: HeadValues, grow?: TreeGrower) => ProposerParts
  /** True if it can propose trees. */
  readonly trees?: boolean
  /**
   * The folder of the head with these weights for an engine. Left out: no engine reads it.
   *
   * @error InvalidInput (thrown) for options that the engine cannot compute
   */
  readonly folderFor?: (engine: Engine, values: HeadValues) => HeadFolder
}

/** A head with its options fixed. */
export interface HeadInstance {
  readonly name: string
  readonly reads: ReadonlyArray<SeenName>
  readonly on: (target: TargetSizes) => HeadArchitecture
}

/** The form of a private part: columns of its feed-forward, and the gate between it and the shared one. */
export interface PrivatePartForm {
  readonly size: number
  readonly gate: "joint" | "none"
}

/** The predictions of a head's entries: tokens, or classes of their own. */
export type HeadPredicts = "tokens" | "classes"

export type HeadUse = UseWith<
  "head",
  HeadInstance,
  never,
  never,
  {
    readonly reads: ReadonlyArray<SeenName>
    readonly predicts: HeadPredicts
    /** The options of the same head with a private part; left out where it has no place for one. */
    readonly privateOptions?: (form: PrivatePartForm) => Effect.Effect<unknown, InvalidInput>
  }
>

/**
 * Defines a head.
 *
 * @param spec.reads the values that `rows` reads; its input has no others
 * @param spec.make makes parameters and `rows` from valid options and the target's sizes
 * @param spec.withPrivate changes valid options into those of the same head with a private part: the same function of the
 * parameters that both have, with further ones whose names have a segment `private`, and no change of the function as these
 * begin. Left out: the head has no place for one
 */
export const defineHead = <const O extends Type, const R extends SeenName>(spec: {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly reads: ReadonlyArray<R>
  /** "classes" of a head whose entries have `classes`; "tokens" if left out. */
  readonly predicts?: HeadPredicts
  readonly options: O
  readonly withPrivate?: (options: O["infer"], form: PrivatePartForm) => O["inferIn"]
  readonly make: (options: O["infer"], target: TargetSizes) => HeadArchitecture<R>
}): Plugin<O, HeadUse> => {
  checkDefinition("head", spec, {
    reads: namesAmong("value that a draft can read", seenNames),
    predicts: (value) =>
      value === undefined || value === "tokens" || value === "classes"
        ? undefined
        : `is ${kindOf(value)}; expected "tokens" or "classes"`,
    withPrivate: (value) =>
      value === undefined || typeof value === "function"
        ? undefined
        : `is ${kindOf(value)}; expected a function of the options and the form of a private part`,
  })
  const { predicts = "tokens" } = spec
  const plugin = `head ${spec.name}`
  const seenOf = seenInput(plugin, spec.reads)
  return definePlugin({
    kind: "head",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    more: (_, decoded) => ({
      ...{ reads: spec.reads, predicts },
      ...(spec.withPrivate && {
        privateOptions: (form) =>
          Effect.map(decoded, (options) => guarded(plugin, "withPrivate", () => spec.withPrivate!(options, form))),
      }),
    }),
    make: (options) =>
      Effect.succeed({
        name: spec.name,
        reads: spec.reads,
        on: (target) => {
          const { rows, proposing, folderFor, ...rest } = guarded(plugin, "make", () => spec.make(options, target))
          checkLayers(plugin, rest.layers, target)
          return {
            ...rest,
            ...(proposing && {
              proposing: (values, grow) => guarded(plugin, "proposing", () => proposing(values, grow)),
            }),
            ...(folderFor && {
              folderFor: (engine, values) => guarded(plugin, "folderFor", () => folderFor(engine, values)),
            }),
            rows: (values, problem, seen) =>
              checkedRows(
                plugin,
                guarded(plugin, "rows", () => rows(values, problem, seenOf(seen))),
                problem,
                target,
              ),
          }
        },
      } satisfies HeadInstance),
  })
}
