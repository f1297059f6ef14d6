/**
 * AdamW by TensorFlow's fused resource ops: the weights and both moments are updated in place.
 *
 * Composed of elementwise ops, Adam over 31M parameters takes 280 ms, as each pass allocates and writes a tensor.
 * Here a weight lives in a TensorFlow resource; the TFJS variable that the model reads shares its buffer. Before an
 * update the variable lets go of the buffer, so that TensorFlow finds one owner and writes in place, and takes it again after.
 *
 * The update is PyTorch's: p <- p (1 - lr wd), then p <- p - lr mhat / (sqrt(vhat) + eps), with mhat = m / (1 - beta1^t)
 * and vhat = v / (1 - beta2^t). `ResourceApplyAdam` adds eps to the uncorrected sqrt(v), so it is given
 * eps sqrt(1 - beta2^t). Decay is `ResourceApplyProximalGradientDescent`, p <- (p - alpha g) / (1 + alpha l2), at an alpha
 * so small that g does not count: the one fused op that scales a resource.
 */
import { attribute } from "../binding/attributes.ts"
import { backend } from "../engine.ts"
import { tf } from "../tf.ts"
import { floatType } from "./run.ts"

export interface AdamWOptions {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  /** Decoupled weight decay; applied to parameters of two or more dimensions only (not to norms and biases). */
  readonly weightDecay: number
}

/** Handles of one parameter's resources, as ids of the binding. */
interface Slot {
  readonly variable: tf.Variable
  readonly weight: number
  readonly m: number
  readonly v: number
}

let counter = 0
/** alpha of the decay op: alpha . g vanishes beside any float32 weight while alpha . l2 stays within range. */
const tiny = 1e-25

/** One optimizer over a set of variables; owns the moments. Dispose it before the variables. */
export class AdamW {
  readonly #slots = new Map<string, Slot>()
  #steps = 0

  constructor(
    readonly parameters: ReadonlyMap<string, tf.Variable>,
    readonly options: AdamWOptions,
  ) {
    for (const [name, variable] of parameters) {
      const zeros = () => tf.tidy(() => this.#idOf(tf.zeros(variable.shape), (id) => this.#resource(id)))
      const weight = this.#idOf(variable, (id) => this.#resource(id))
      const slot = { variable, weight, m: zeros(), v: zeros() }
      this.#slots.set(name, slot)
    }
  }

  /** Updates done so far. */
  get steps(): number {
    return this.#steps
  }

  get #binding() {
    return backend().binding
  }

  #idOf<T>(tensor: tf.Tensor, use: (id: number) => T): T {
    return use(backend().getInputTensorIds([tensor])[0]!)
  }

  /** A new resource variable that holds the tensor of this id. */
  #resource(value: number): number {
    const b = this.#binding
    const [handle] = b.executeOp(
      "VarHandleOp",
      [
        floatType("dtype"),
        attribute.shape("shape", []),
        attribute.string("container", ""),
        attribute.string("shared_name", `winnow/adamw/${counter++}`),
      ],
      [],
      1,
    )
    this.#assign(handle!.id, value)
    return handle!.id
  }

  #assign(resource: number, value: number): void {
    this.#binding.executeOp("AssignVariableOp", [floatType("dtype")], [resource, value], 0)
  }

  #read(resource: number): number {
    return this.#binding.executeOp("ReadVariableOp", [floatType("dtype")], [resource], 1)[0]!.id
  }

  /** Lets the variable share the resource's buffer again. */
  #take(slot: Slot): void {
    const info = backend().tensorMap.get(slot.variable.dataId)
    info.id = this.#read(slot.weight)
    info.values = null
  }

  #letGo(slot: Slot): void {
    this.#binding.deleteTensor(backend().tensorMap.get(slot.variable.dataId).id)
  }

  /**
   * One update.
   *
   * @param gradients by parameter name; a parameter without one is left as it is. Stays the caller's.
   * @param learningRate of this step, 0 or more
   * @param scale multiplied into the gradients (clipping), exactly 1 for none
   * @error if a gradient's shape is not its parameter's, before anything is changed
   */
  apply(gradients: Readonly<Record<string, tf.Tensor>>, learningRate: number, scale = 1): void {
    for (const [name, gradient] of Object.entries(gradients)) {
      const slot = this.#slots.get(name)
      if (slot === undefined)
        throw new Error(`AdamW: no parameter ${name}; it has ${[...this.#slots.keys()].join(", ")}`)
      if (String(gradient.shape) !== String(slot.variable.shape))
        throw new Error(
          `AdamW: the gradient of ${name} is [${gradient.shape}], the parameter is [${slot.variable.shape}]`,
        )
    }
    const { beta1, beta2, epsilon, weightDecay } = this.options
    if (!(learningRate * weightDecay < 1))
      throw new Error(
        `AdamW: learning rate ${learningRate} x weight decay ${weightDecay} must be below 1: it would flip the weights`,
      )
    const t = ++this.#steps
    const correction2 = Math.sqrt(1 - beta2 ** t)
    tf.tidy(() => {
      const number = (x: number) => this.#idOf(tf.scalar(x), (id) => id)
      const [beta1Power, beta2Power, lr, b1, b2, eps] = [
        number(beta1 ** t),
        number(beta2 ** t),
        number(learningRate),
        number(beta1),
        number(beta2),
        number(epsilon * correction2),
      ]
      const shrink = learningRate * weightDecay
      const decay = shrink === 0 ? undefined : [number(tiny), number(0), number(shrink / (1 - shrink) / tiny)]
      const attributes = [floatType("T"), attribute.bool("use_locking", false)]
      for (const [name, given] of Object.entries(gradients)) {
        const slot = this.#slots.get(name)!
        const scaled = scale === 1 ? given : tf.mul(given, scale)
        this.#idOf(scaled, (gradient) => {
          this.#letGo(slot)
          if (decay !== undefined && slot.variable.rank > 1)
            this.#binding.executeOp(
              "ResourceApplyProximalGradientDescent",
              attributes,
              [slot.weight, ...decay, gradient],
              0,
            )
          this.#binding.executeOp(
            "ResourceApplyAdam",
            [...attributes, attribute.bool("use_nesterov", false)],
            [slot.weight, slot.m, slot.v, beta1Power, beta2Power, lr, b1, b2, eps, gradient],
            0,
          )
          this.#take(slot)
        })
        if (scaled !== given) scaled.dispose()
      }
    })
  }

  /** The moments, as new tensors that share the optimizer's buffers until its next step: `m.NAME` and `v.NAME`. */
  moments(): Record<string, tf.Tensor> {
    const out: Record<string, tf.Tensor> = {}
    for (const [name, slot] of this.#slots)
      for (const which of ["m", "v"] as const) {
        const [read] = this.#binding.executeOp("ReadVariableOp", [floatType("dtype")], [slot[which]], 1)
        out[`${which}.${name}`] = backend().createOutputTensor(read!)
      }
    return out
  }

  /** Takes weights, moments and the number of steps from a checkpoint. The values are copied. */
  restore(state: { readonly steps: number; readonly moments: (name: string) => Float32Array }): void {
    this.#steps = state.steps
    for (const [name, slot] of this.#slots)
      for (const which of ["m", "v"] as const)
        tf.tidy(() =>
          this.#idOf(tf.tensor(state.moments(`${which}.${name}`), slot.variable.shape), (id) =>
            this.#assign(slot[which], id),
          ),
        )
  }

  /** Frees the moments and the resources; the variables keep their values. */
  dispose(): void {
    for (const { weight, m, v } of this.#slots.values())
      for (const resource of [weight, m, v]) {
        this.#binding.executeOp("DestroyResourceOp", [], [resource], 0)
        this.#binding.deleteTensor(resource)
      }
    this.#slots.clear()
  }
}
