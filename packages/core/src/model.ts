/**
 * Models in the form that the rest of Winnow uses: hidden states, a vocabulary head, parameters by name; decoders have
 * a cache.
 *
 * Letters: B sequences, T positions, d hidden size, V vocabulary, P cached positions.
 */
import type { FrozenMatrix, Halves, NativeProgram, tf } from "@winnow/tensor"
import type { Type } from "arktype"
import { Effect } from "effect"
import { checkDefinition } from "./contract/definition.ts"
import type { CachedTree, Decoding, TargetLayer } from "./decoding.ts"
import { InvalidInput } from "./errors.ts"
import type { HeadIds } from "./head-ids.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"
import type { Widths } from "./widths.ts"

/** The shape and the initial values of one parameter. */
export interface ParameterSpec {
  readonly shape: ReadonlyArray<number>
  readonly init:
    | {
        readonly kind: "normal"
        readonly std: number
        /** The last column is a bias, which begins as 0. */
        readonly bias?: true
      }
    | { readonly kind: "zeros" | "ones" }
}

/** Parameters by their Hugging Face name. */
export type Parameters = ReadonlyMap<string, tf.Variable>

/** The weights of a pass by name: parameters, or halves where nothing is trained. */
export interface PassWeights {
  readonly get: (name: string) => tf.Variable | Halves | undefined
  readonly keys: () => Iterable<string>
}

/**
 * Keys and values of earlier positions, one pair a layer, each [key-value heads, 1, B, P, head size]. Owned by a
 * `Decoding`; an architecture replaces the tensors of its layers while it extends.
 */
export interface Cache {
  readonly layers: Array<{ readonly k: tf.Tensor; readonly v: tf.Tensor } | undefined>
  /** Numbers of `hiddenByLayer` whose states an architecture hands over as it extends. Left out: none. */
  readonly keep?: {
    readonly layers: ReadonlyArray<number>
    /** Receives the states [B T, d] of each, in their order; they may be read only during the call. */
    readonly take: (states_Nd: ReadonlyArray<tf.Tensor>) => void
  }
  /** Positions cached so far, P. */
  length: number
  /** The open tree, the new tokens of a pass included. */
  tree?: CachedTree | undefined
  /** Left padding of each sequence: its first `pad_B[b]` positions are not attended to. Left out: there is none. */
  readonly pad_B?: Int32Array
}

/** The form in which files hold a parameter, if it differs: `Conv1D` of `transformers` keeps the transpose. */
export interface Stored {
  readonly shape: ReadonlyArray<number>
  /** Converts the values of the file to those of the parameter. */
  readonly read: (file: Float32Array, into: Float32Array) => void
  /** Converts the values of the parameter to those of the file. */
  readonly write: (values: Float32Array) => Float32Array
  /** Further tensors that hold entries of the same parameter, by name; each reads and writes its own. */
  readonly rest?: ReadonlyMap<string, Stored>
  /** True if the rows of a matrix have another order, which an adapter's rows would also have. */
  readonly reordered?: true
}

/** The names of a model's parts in a family's files. */
export interface FileNames {
  /** The prefix of all parameters but the head's; a base model's file lacks it. */
  readonly trunk: string
  /** A parameter of the first layer, after the prefix: it shows how the names of a file begin. */
  readonly anchor: string
  /** Matches the number of a layer in a name, after the prefix. */
  readonly layer: RegExp
  /** Matches the names, after the prefix, in a base model's file. */
  readonly base: RegExp
  /** True of names of parameters that have no prefix: a transformation before the head. */
  readonly outside?: RegExp
  /** The parameter of the embedding. */
  readonly embed: string
  /** Names of the head's module over time; the name of its parameter is first. */
  readonly heads: ReadonlyArray<string>
  /** True of buffers, which are computed and not read. */
  readonly buffers: RegExp
}

/** The part of a model that a parameter belongs to; a tied head belongs to the embedding. */
export type ModelPart = "embedding" | "attention" | "feed-forward" | "norms" | "head"

/** The role of a key of a config.json: used, without effect on the numbers, or unknown to the family. */
export interface ConfigKey {
  readonly key: string
  readonly value: unknown
  readonly part: "used" | "ignored" | "unknown"
  /** For a used key its use; else the reason why it has no effect. */
  readonly why: string
}

/** A family of models: the reader of folders that name it in `model_type`. It is the plugin itself. */
export interface Family {
  /** Its `model_type`. */
  readonly plugin: string
  readonly use: (options: unknown) => ModelUse<Attends>
  /**
   * The architecture that a config.json describes.
   * @param where names the file in errors and notes
   * @error InvalidInput (thrown) with one line a problem
   */
  readonly fromConfig: (config: Readonly<Record<string, unknown>>, where: string) => Architecture<Attends>
  readonly names: FileNames
  /** The role of each key of a config.json that `fromConfig` accepts, in its order. Left out: the family does not tell. */
  readonly keys?: (config: Readonly<Record<string, unknown>>) => ReadonlyArray<ConfigKey>
  /** The family of the same layers with the other attention. Left out: there is none. */
  readonly turned?: () => Turned
}

/** The family of the same layers with the other attention, such as the decoder of an encoder. */
export interface Turned {
  readonly family: Family
  /** The fields of its config.json that differ. */
  readonly config: Readonly<Record<string, unknown>>
  /** The parameters here whose rows, one below the other, are a parameter there. */
  readonly sources: (name: string) => ReadonlyArray<RowsOf>
}

/** All rows of a parameter, or one of several equal parts of them, from above. */
export interface RowsOf {
  readonly name: string
  readonly part?: { readonly index: number; readonly of: number }
}

/** The positions of its sequence that a position attends to: earlier ones and its own, or all. */
export type Attends = "before" | "both"

/**
 * An architecture with its sizes fixed, without parameter values. It is a decoder's, unless its type says otherwise.
 */
export interface Architecture<A extends Attends = "before"> {
  readonly attends: A
  /** `model_type` of config.json. */
  readonly type: string
  /** config.json in the form that `transformers` reads. */
  readonly config: Record<string, unknown>
  /** Ids that the model reads, V: rows of the embedding. */
  readonly vocabularySize: number
  /** Rows of the head, U, where it predicts fewer ids than the model reads. Left out: one for each id. */
  readonly headRows?: number
  /** Columns of a hidden state; the last is 1 in each row where the head has a bias. */
  readonly hiddenSize: number
  /** Columns of the states between layers, and of the embedding. Left out: as many as of a hidden state. */
  readonly streamSize?: number
  readonly layers: number
  readonly maxLength: number
  readonly parameters: ReadonlyMap<string, ParameterSpec>
  /** Names of the weights of linear layers, each [outputs, inputs]. */
  readonly matrices: ReadonlySet<string>
  /** Name of the token embedding's weight [V, d]. */
  readonly embedding: string
  /** Name of the head's weight [U, d], whose last column may be a bias; with tied embeddings the embedding's own name. */
  readonly head: string
  /** Logits are cap tanh(x / cap) of the products x of hidden states with the head. Left out: they are the products. */
  readonly logitCap?: number
  /** The part of each parameter. Left out: the family does not tell. */
  readonly parts?: ReadonlyMap<string, ModelPart>
  /**
   * Numbers that a decoding state stores for each position: keys and values of all layers. Left out: unknown, or an
   * encoder.
   */
  readonly cachedNumbers?: number
  /** FLOPs (multiplications and additions) of one token's forward pass without the head, at context length T. */
  readonly trunkFlops: (T: number) => number
  /**
   * Hidden states [B, T, d] after the final norm, differentiable in the parameters. With a cache the T tokens follow
   * the P cached ones and are appended to it; an encoder has none.
   *
   * @param start_BT only without a cache: the start of each token's sequence in its row, row-major, from which its
   *   positions count; t + 1 for padding at position t. A token attends to its own sequence: from the start to itself, or
   *   with bidirectional attention to all tokens of the same start. So sequences can be packed into one row, and padding is
   *   not attended to. Left out: each row is one sequence without padding; padding on the right of a decoder's row has no
   *   effect on earlier positions and needs no start
   */
  readonly hidden: (weights: PassWeights, ids_BT: tf.Tensor2D, cache?: Cache, start_BT?: Int32Array) => tf.Tensor3D
  /**
   * Hidden states of the embedding and after each layer, [B, T, d] each: `layers` + 1 of them, the last after the final
   * norm. Without the column of a head's bias. Left out: the family does not tell.
   */
  readonly hiddenByLayer?: (
    weights: PassWeights,
    ids_BT: tf.Tensor2D,
    start_BT?: Int32Array,
  ) => ReadonlyArray<tf.Tensor3D>
  /** The final norm alone. Left out: the family does not tell. */
  readonly finalNorm?: {
    /** Its parameters, [d] each: the scale and, of a norm that has one, the shift. */
    readonly parameters: ReadonlyArray<string>
    /** States after the last layer, [N, d], to hidden states [N, D]. */
    readonly apply: (weights: Pick<PassWeights, "get">, x_Nd: tf.Tensor2D) => tf.Tensor2D
  }
  /** Heads of the attention: of queries, of keys and values, and the columns of one. Left out: the family does not tell. */
  readonly attentionHeads?: { readonly heads: number; readonly kvHeads: number; readonly headSize: number }
  /**
   * A decoder's computation with a cache, as a program for native code. Left out, or undefined: decoding runs `hidden`.
   * @param keep numbers of `hiddenByLayer` whose states the program keeps as well
   */
  readonly nativeProgram?: (keep?: ReadonlyArray<number>) => NativeProgram | undefined
  /** The parameters that files store in another form. */
  readonly stored?: ReadonlyMap<string, Stored>
  /** The axes of the parameters. Left out: no model of other widths begins with this one. */
  readonly widths?: () => Widths
  /** The family that reads its folders. */
  readonly family?: Family
  /** For a folder: one sentence for each ignored part of it, for the user to read once. */
  readonly notes?: ReadonlyArray<string>
}

/** Parameters computed from other variables, which are trained in their place: LoRA. */
export interface Adapters {
  /** The parameters that adapters change. A step computes the gradient by each of them. */
  readonly of: Parameters
  /**
   * Converts gradients by these parameters to gradients by the trained variables, by name. They belong to the caller's
   * tidy.
   */
  readonly pullBack: (byParameter: Readonly<Record<string, tf.Tensor>>) => Record<string, tf.Tensor>
  /** Computes these parameters again. Call it after each change of a trained variable. */
  readonly compose: () => void
}

/** Parameters, and the part of them that training changes. */
export interface Trainable {
  readonly parameters: Parameters
  /** The variables that training changes: all parameters, some of them, or the variables of `adapters`. */
  readonly trained: Parameters
  readonly adapters?: Adapters
}

/** How a model that attends both ways tells a token of a text: the token is masked, with every `every`-th other. */
export interface Masking {
  /** The id of the mask. */
  readonly maskId: number
  /** Tokens from one masked token to the next: 7 masks about the share that encoders are trained with. */
  readonly every: number
}

/** An architecture with its parameters: hidden states, and a head to the vocabulary. Every model is one. */
export interface Encoder<A extends Attends = Attends> extends Trainable {
  readonly architecture: Architecture<A>
  /**
   * The head's weight, [V, d]: logits = h . head^T, or `Architecture.logitCap` of them. A bias is its last column, where hidden
   * states have a 1.
   */
  readonly head_Vd: tf.Variable
  /** The same for uses without gradient: in the bfloat16 of its file where the model is large and frozen. */
  readonly frozenHead_Vd: FrozenMatrix
  /** The ids of the head's rows, where it predicts some of the ids only: then it is [U, d]. Left out: row v is id v. */
  readonly headIds?: HeadIds | undefined
  /** Hidden states [B, T, d] after the final norm; `start_BT` as in `Architecture.hidden`. */
  readonly hidden: (ids_BT: tf.Tensor2D, start_BT?: Int32Array) => tf.Tensor3D
  /** Of a frozen model that is asked for the tokens of a text beside models that predict the next one. */
  readonly masking?: Masking
  readonly dispose: () => void
}

/** An architecture with the cost of its passes where it is asked by masks: one for each class of masked tokens. */
export const askedArchitecture = (of: Architecture<Attends>, { every }: Masking): Architecture<Attends> => ({
  ...of,
  trunkFlops: (T) => Math.min(every, T) * of.trunkFlops(T),
})

/** A model that is asked for tokens by masks: the same parameters, which stay their owner's. */
export const askedByMasks = (model: Encoder, masking: Masking): Encoder =>
  Object.create(model, {
    masking: { value: masking, enumerable: true },
    architecture: { value: askedArchitecture(model.architecture, masking), enumerable: true },
  }) as Encoder // its prototype is a model

/** A model that attends only to earlier positions, so it decodes token by token. */
export interface Decoder extends Encoder<"before"> {
  /**
   * A fresh decoding state.
   * @param pad_B the left padding of each sequence, all 0 if left out
   * @param keep layers whose states the caller reads after each call; left out: none, and nothing is computed for them
   */
  readonly decoding: (pad_B?: Int32Array, keep?: ReadonlyArray<TargetLayer>) => Decoding
}

/** The model of an architecture: a decoder if it attends only to earlier positions. */
export type ModelOf<A extends Attends> = [A] extends ["before"] ? Decoder : Encoder<A>

/** True for a model that decodes. */
export const isDecoder = (model: Encoder): model is Decoder =>
  model.architecture.attends === "before" && "decoding" in model

/**
 * A model as a decoder.
 *
 * @param what the model in the error: a folder, "the draft"
 * @error InvalidInput (thrown) for an encoder
 */
export const asDecoder = (model: Encoder, what: string): Decoder => {
  if (isDecoder(model)) return model
  throw notDecoder(model.architecture.type, what)
}

/**
 * An architecture as a decoder's.
 *
 * @param what the model in the error: a folder, "the draft"
 * @error InvalidInput (thrown) for a bidirectional one
 */
export const decoderArchitecture = (architecture: Architecture<Attends>, what: string): Architecture => {
  if (attendsBefore(architecture)) return architecture
  throw notDecoder(architecture.type, what)
}

/** True for a decoder's architecture. */
export const attendsBefore = (architecture: Architecture<Attends>): architecture is Architecture =>
  architecture.attends === "before"

const notDecoder = (type: string, what: string) =>
  new InvalidInput({
    what,
    problems: [`${type} attends both ways, so it does not write text token by token; take a decoder, such as llama`],
  })

/** The parameters that training changes: trained ones, and those computed from trained variables. */
export const movedParameters = ({ trained, adapters }: Trainable): Parameters => adapters?.of ?? trained

/** A model with its options, in the form that an experiment names: a decoder, unless its type says otherwise. */
export type ModelUse<A extends Attends = "before"> = UseWith<
  "model",
  Architecture<A>,
  never,
  never,
  { readonly family: Family }
>

/**
 * Defines a family: options are the fields of its config.json. `defineFamily` of `@winnow/models` makes the parts from
 * a description of the layers.
 */
export const defineModel = <const O extends Type, A extends Attends>(spec: {
  /** Its `model_type`. */
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly options: O
  readonly make: (options: O["infer"]) => Architecture<A>
  readonly fromConfig: Family["fromConfig"]
  readonly names: FileNames
  /** The family with the other attention, where there is one. */
  readonly turned?: Family["turned"]
}): Plugin<O, ModelUse<A>> & Family => {
  const { fromConfig, names, turned } = spec
  checkDefinition("model", spec, {
    fromConfig: (value) => (typeof value === "function" ? undefined : "is no function; expected one of a config.json"),
    names: (value) => (typeof value === "object" && value !== null ? undefined : "are missing; expected FileNames"),
    turned: (value) =>
      value === undefined || typeof value === "function" ? undefined : "is no function; expected one",
  })
  const plugin = definePlugin({
    kind: "model",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    more: (): { readonly family: Family } => ({ family }),
    make: (options) => Effect.sync((): Architecture<A> => ({ ...spec.make(options), family })),
  })
  const family: Plugin<O, ModelUse<A>> & Family = Object.assign(plugin, {
    names,
    ...(turned && { turned }),
    fromConfig: (config: Readonly<Record<string, unknown>>, where: string): Architecture<Attends> => ({
      ...fromConfig(config, where),
      family,
    }),
  })
  return family
}
