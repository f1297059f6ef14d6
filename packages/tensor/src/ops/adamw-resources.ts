/**
 * AdamW by TensorFlow's fused resource ops.
 *
 * A weight lives in a TensorFlow resource; the TFJS variable that the model reads shares its buffer. Before an update
 * the variable lets go of the buffer, so that TensorFlow finds one owner and writes in place, and takes it again after.
 *
 * `ResourceApplyAdam` adds eps to the uncorrected sqrt(v), so its argument is eps sqrt(1 - beta2^t). Decay is
 * `ResourceApplyProximalGradientDescent`, p <- (p - alpha g) / (1 + alpha l2), at an alpha so small that g does not
 * count: the only fused op that scales a resource.
 */
import { attribute } from "../binding/attributes.ts"
import { backend } from "../engine.ts"
import { tf } from "../tf.ts"
import type { AdamWNumbers, AdamWState } from "./adamw-state.ts"
import { floatType } from "./run.ts"

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

/** Weights and moments as resources. */
export class ResourceState implements AdamWState {
  readonly #slots = new Map<string, Slot>()

  constructor(parameters: ReadonlyMap<string, tf.Variable>) {
    for (const [name, variable] of parameters) {
      const zeros = () => tf.tidy(() => this.#idOf(tf.zeros(variable.shape), (id) => this.#resource(id)))
      const weight = this.#idOf(variable, (id) => this.#resource(id))
      this.#slots.set(name, { variable, weight, m: zeros(), v: zeros() })
    }
  }

  get #binding() {
    return backend().binding
  }

  #idOf<T>(tensor: tf.Tensor, use: (id: number) => T): T {
    return use(backend().getInputTensorIds([tensor])[0]!)
  }

  /** A new resource variable with the value of this tensor. */
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

  apply(gradients: ReadonlyArray<readonly [string, tf.Tensor]>, numbers: AdamWNumbers): void {
    const { beta1, beta2, epsilon, weightDecay, t, learningRate, scale } = numbers
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
      for (const [name, given] of gradients) {
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

  moment(name: string, which: "m" | "v"): tf.Tensor {
    const resource = this.#slots.get(name)![which]
    const [read] = this.#binding.executeOp("ReadVariableOp", [floatType("dtype")], [resource], 1)
    return backend().createOutputTensor(read!)
  }

  restore(name: string, which: "m" | "v", values: Float32Array): void {
    const slot = this.#slots.get(name)!
    tf.tidy(() => this.#idOf(tf.tensor(values, slot.variable.shape), (id) => this.#assign(slot[which], id)))
  }

  dispose(): void {
    for (const { weight, m, v } of this.#slots.values())
      for (const resource of [weight, m, v]) {
        this.#binding.executeOp("DestroyResourceOp", [], [resource], 0)
        this.#binding.deleteTensor(resource)
      }
    this.#slots.clear()
  }
}
