/**
 * The part of a model that a training changes: all of it, all except frozen parameters, adapters on some of its matrices, or a
 * private feed-forward beside each shared one.
 */
import { type Architecture, type Attends, type Encoder, InvalidInput } from "@winnow/core"
import { type LoraOptions, type LoraPlace, loraPlaces } from "./lora-places.ts"
import { matcher, namesShown } from "./name-patterns.ts"
import { privateNames } from "./private-model.ts"
import { type PrivateOptions, privateArchitecture } from "./private-part.ts"

/** Settings of a training for its part of the model. */
export interface TrainedPartOptions {
  /** Parts ("embedding", "head") and patterns of parameter names ("model.layers.0.*") that keep their values. */
  readonly frozen?: ReadonlyArray<string> | undefined
  /** Adapters, or a private part, that are trained in place of all parameters. */
  readonly adapters?: LoraOptions | PrivateOptions | undefined
}

/** The part of a model of one architecture that a training changes. */
export interface TrainedPart {
  /** The parameters that change. A step computes a gradient for each. */
  readonly moved: ReadonlySet<string>
  /** Number of values that the optimizer changes. */
  readonly count: number
  /** The matrices with an adapter; none if the parameters themselves are trained. */
  readonly places: ReadonlyArray<LoraPlace>
}

const sizeOf = (architecture: Architecture<Attends>, name: string): number =>
  architecture.parameters.get(name)!.shape.reduce((a, b) => a * b, 1)

/** The parameters that the entries of `frozen` name. @error InvalidInput (thrown) for an entry that names none */
const frozenNames = (architecture: Architecture<Attends>, frozen: ReadonlyArray<string>): ReadonlySet<string> => {
  const names = [...architecture.parameters.keys()]
  const parts: Readonly<Record<string, string>> = { embedding: architecture.embedding, head: architecture.head }
  const problems: Array<string> = []
  const frozenSet = new Set<string>()
  for (const entry of frozen) {
    const part = Object.hasOwn(parts, entry) ? parts[entry] : undefined
    const named = part === undefined ? names.filter(matcher(entry)) : [part]
    for (const name of named) frozenSet.add(name)
    if (named.length === 0)
      problems.push(
        `${JSON.stringify(entry.slice(0, 80))} names no parameter of ${architecture.type}; expected embedding, head, or a ` +
          `pattern with * for any text, such as *.mlp.*; there are ${namesShown(names)}`,
      )
  }
  if (problems.length === 0 && frozenSet.size === names.length)
    problems.push(`${JSON.stringify(frozen)} names every parameter, so nothing is left to train; name fewer`)
  if (problems.length > 0) throw new InvalidInput({ what: "frozen", problems })
  return frozenSet
}

/**
 * The architecture that a model has while these settings train it, and after it: a private part adds parameters.
 *
 * @error InvalidInput (thrown) for a model with another private part
 */
export const trainedArchitecture = <A extends Attends>(
  architecture: Architecture<A>,
  { adapters }: TrainedPartOptions,
): Architecture<A> => (adapters?.kind === "private" ? privateArchitecture(architecture, adapters) : architecture)

/**
 * The part of a model that these settings train. A private part belongs to the architecture of `trainedArchitecture`.
 *
 * @error InvalidInput (thrown) for an unknown name, a rank larger than a matrix, or both settings at once
 */
export const trainedPart = (architecture: Architecture<Attends>, options: TrainedPartOptions): TrainedPart => {
  const { frozen = [], adapters } = options
  if (adapters !== undefined && frozen.length > 0) {
    const problems = ["it is set beside adapters, which freeze every parameter; leave one of the two out"]
    throw new InvalidInput({ what: "frozen", problems })
  }
  if (adapters?.kind === "private") {
    const whole = privateArchitecture(architecture, adapters)
    const names = privateNames(whole)
    return { moved: new Set(names), count: names.reduce((sum, name) => sum + sizeOf(whole, name), 0), places: [] }
  }
  if (adapters !== undefined) {
    const places = loraPlaces(architecture, adapters)
    return {
      moved: new Set(places.map(({ name }) => name)),
      count: places.reduce((sum, { e, d }) => sum + adapters.rank * (e + d), 0),
      places,
    }
  }
  const left = frozenNames(architecture, frozen)
  const moved = new Set([...architecture.parameters.keys()].filter((name) => !left.has(name)))
  return { moved, count: moved.values().reduce((sum, name) => sum + sizeOf(architecture, name), 0), places: [] }
}

/** Number of frozen values in the trunk's matrices: each saves one product a token in the backward pass. */
export const frozenTrunkSize = (architecture: Architecture<Attends>, { moved }: TrainedPart): number =>
  architecture.matrices
    .values()
    .filter((name) => !moved.has(name))
    .reduce((sum, name) => sum + sizeOf(architecture, name), 0)

/**
 * The same model with a part of its parameters as trained ones. It shares all variables with the model; the model stays
 * their owner.
 */
export const freezeParameters = <M extends Encoder>(model: M, frozen: ReadonlyArray<string>): M => {
  const { moved } = trainedPart(model.architecture, { frozen })
  return { ...model, trained: new Map([...model.parameters].filter(([name]) => moved.has(name))) }
}
