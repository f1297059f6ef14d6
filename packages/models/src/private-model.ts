/** Models with a private part: made from a shared model, and merged into a plain one where that is possible. */
import { type Architecture, type Attends, type Encoder, InvalidInput, type ModelOf } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { freshValues } from "./initialise.ts"
import { makeModel, ownVariable } from "./model.ts"
import { isPrivate, type PrivateForm, privateArchitecture, privateFormOf, sharedConfig } from "./private-part.ts"

/** A model with a private part. Its own variables are the private ones; `release` frees them and no other. */
export type PrivateModel<M extends Encoder = Encoder> = M & {
  readonly private: PrivateForm
  readonly release: () => void
}

/** The names of an architecture's private parameters. */
export const privateNames = ({ parameters }: Architecture<Attends>): ReadonlyArray<string> =>
  [...parameters.keys()].filter(isPrivate)

/**
 * A model with these private variables beside the variables of a shared one, which stays their owner. Training changes the
 * private variables alone.
 */
export const beside = <A extends Attends>(
  shared: Encoder<A>,
  architecture: Architecture<A>,
  own: ReadonlyMap<string, tf.Variable>,
): PrivateModel<ModelOf<A>> => {
  const all = new Map(
    [...architecture.parameters.keys()].map((name) => [name, own.get(name) ?? shared.parameters.get(name)!] as const),
  )
  return Object.assign(makeModel(architecture, all, shared.headIds), {
    trained: own,
    private: privateFormOf(architecture)!,
    release: () => tf.dispose([...own.values()]),
  }) as PrivateModel<ModelOf<A>> // The compiler does not follow ModelOf.
}

/**
 * The model with a fresh private part: the same function, bit by bit. Of a model that has this private part already, that one
 * is trained further, and `release` frees nothing.
 *
 * @param seed draws the private matrices that read the feed-forward's input, by name
 * @error InvalidInput (thrown) as `privateArchitecture`
 */
export const withPrivate = <A extends Attends>(
  model: Encoder<A>,
  form: PrivateForm,
  seed: number,
): PrivateModel<ModelOf<A>> => {
  const architecture = privateArchitecture(model.architecture, form)
  const names = privateNames(architecture)
  if (architecture === model.architecture) {
    const trained = new Map(names.map((name) => [name, model.parameters.get(name)!] as const))
    return { ...model, trained, private: form, release: () => {} } as unknown as PrivateModel<ModelOf<A>> // as above
  }
  const fresh = names.map((name) => {
    const spec = architecture.parameters.get(name)!
    return [name, ownVariable(() => freshValues(spec, name, seed))] as const
  })
  return beside(model, architecture, new Map(fresh))
}

/** The key of config.json for the columns of a feed-forward; each family has one of them. */
const feedKeys = ["intermediate_size", "n_inner"]

/** The parts of a name: "layers.0.mlp.private.gate.weight" is the gate of layers.0.mlp. */
const leafOf = (name: string): string => name.slice(name.lastIndexOf(".private.") + ".private.".length)

/**
 * The plain model of a private part without a gate, in variables of its own: one feed-forward with the columns of both. It
 * opens wherever its family opens. The caller disposes of both models.
 *
 * @error InvalidInput (thrown) for a model without a private part, and for one with a gate, which depends on each token
 */
export const mergePrivate = <A extends Attends>(model: Encoder<A>): ModelOf<A> => {
  const { architecture, parameters } = model
  const fail = (problem: string) => new InvalidInput({ what: "merge a private part", problems: [problem] })
  const form = privateFormOf(architecture)
  if (form === undefined) throw fail("the model has none")
  if (form.gate === "joint")
    throw fail(
      "its gate weighs both feed-forwards anew for each token, which no single feed-forward does; train with gate none, or write it as a mixture of two experts (saveMixtral)",
    )
  const config = sharedConfig(architecture.config)
  const key = feedKeys.find((name) => typeof config[name] === "number")
  if (key === undefined || architecture.family === undefined)
    throw fail(`config.json has no number under ${feedKeys.join(" or ")}, so no wider feed-forward can be named`)
  const wider = { ...config, [key]: (config[key] as number) + form.size }
  const merged = architecture.family.fromConfig(wider, "config.json") as Architecture<Attends> as Architecture<A>
  const privates = privateNames(architecture)
  const m = config[key] as number
  const values = (name: string, shape: ReadonlyArray<number>): tf.Tensor => {
    const shared = parameters.get(name)!
    if (shared.shape.join() === shape.join()) return tf.add(shared, 0)
    const path = name.replace(/[^.]+\.(weight|bias)$/, "")
    const own = (leaf: string) => {
      const found = privates.find((one) => one.startsWith(`${path}private.`) && leafOf(one) === leaf)
      return found === undefined ? undefined : parameters.get(found)
    }
    // A bias of the first matrix: private columns have none.
    if (shape.length === 1) {
      const none = tf.zeros([form.size])
      if (shape[0] === m + form.size) return tf.concat([shared, none])
      const [gate, up] = tf.split(shared, 2)
      return tf.concat([gate!, none, up!, none])
    }
    if (shape[1] === m + form.size && shape[0] === shared.shape[0]) return tf.concat([shared, own("down.weight")!], 1)
    if (shape[0] === m + form.size) {
      const isGate = own("gate.weight") !== undefined && /gate/.test(name.slice(path.length))
      return tf.concat([shared, isGate ? own("gate.weight")! : own("up.weight")!], 0)
    }
    const [gate, up] = tf.split(shared, 2, 0) // one matrix of both
    return tf.concat([gate!, own("gate.weight")!, up!, own("up.weight")!], 0)
  }
  return makeModel(
    merged,
    new Map(merged.parameters.entries().map(([name, { shape }]) => [name, ownVariable(() => values(name, shape))])),
    model.headIds,
  )
}
