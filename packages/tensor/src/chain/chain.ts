/**
 * A chain of native kernels as one differentiable op: its values are rows in scratch memory, and no tensor of TFJS stands
 * between two kernels. A step of a small model spends more time on such tensors, and on the tape over them, than on its
 * products.
 *
 * The kernels, their arguments and the order of all sums are those of the ops one by one, so the numbers are equal bit by
 * bit.
 *
 * Letters: N rows, d columns of a value, e outputs of a layer, h head size, Q query heads, G key-value heads.
 */
import type { Address } from "@winnow/engine"
import { copyBytes } from "../binding/libc.ts"
import { type FrozenMatrix, Halves, placeOf } from "../native/halves.ts"
import { address, type Native, output } from "../native/native.ts"
import { customGrad } from "../ops/custom-grad.ts"
import type { PackedHeads } from "../ops/head-norm.ts"
import {
  checkLayers,
  type LinearWeights,
  partsOf,
  productGradientsInto,
  productMode,
  productsInto,
} from "../ops/products.ts"
import { needsGradient, recordsTape, takesGradient } from "../ops/tape.ts"
import { tf } from "../tf.ts"
import { Scratch } from "./scratch.ts"

/** The gradient of a value, which several values of a sum may share. */
interface Gradient {
  readonly at: Address
  uses: number
}

/** Rows in scratch memory. */
export interface Value {
  readonly at: Address
  /** d */
  readonly columns: number
  gradient?: Gradient | undefined
}

/** The activations of `Chain.activation`. */
export type ChainActivation = "gelu" | "gelu-tanh"

/** The inputs of an attention besides its packed rows; see `winnow_attention` in `native/attention.h`. */
export interface ChainAttention extends PackedHeads {
  /** The C struct WinnowAttention. */
  readonly sizes: Int32Array
  readonly cos: tf.Tensor
  readonly sin: tf.Tensor
  readonly start_N: tf.Tensor | undefined
}

/** An input from outside of the chain: its place now, and the place of its gradient where one is wanted. */
interface Outer {
  readonly at: () => Address
  readonly gradient: () => Address | null
}

/** The number that changes no other: 0 would turn -0 into 0. */
const nothing = new Float32Array(1 << 16).fill(-0)

/** y = a + b over n elements, by the sum of three; y may be a or b. */
const addInto = ({ C }: Native, n: number, a: Address, b: Address, y: Address): void => {
  for (let from = 0; from < n; from += nothing.length) {
    const at = from * Float32Array.BYTES_PER_ELEMENT
    C.winnow_add3(Math.min(nothing.length, n - from), a + at, b + at, nothing, y + at)
  }
}

/** A chain in progress: each op runs at once. */
export class Chain {
  readonly #library: Native
  readonly #N: number
  readonly #mode = productMode()
  /** The ways back through the ops, in their order; undefined without a gradient. */
  readonly #tape: Array<() => void> | undefined
  /** By input of the chain; undefined until the backward pass. */
  readonly #gradients: Map<tf.Tensor, tf.Tensor | undefined>
  readonly #outer = new Map<tf.Tensor | Halves, Outer>()
  #memory = new Scratch()
  /** Places of values since the last `keepOnly`, without a gradient. */
  #live: Array<readonly [at: Address, count: number]> = []

  /** @param wanted the tensors whose gradients are wanted, for a chain with a gradient */
  constructor(library: Native, N: number, wanted: ReadonlyArray<tf.Tensor> | undefined) {
    this.#library = library
    this.#N = N
    this.#tape = wanted && []
    this.#gradients = new Map(wanted?.map((tensor) => [tensor, undefined]))
  }

  /** The tensors that must live until the backward pass. */
  get saved(): Array<tf.Tensor> {
    const outer = [...this.#outer.keys()]
    // a variable lives longer than a gradient
    return [
      ...this.#memory.blocks,
      ...outer.filter((x) => !(x instanceof Halves || x instanceof tf.Variable)),
    ] as Array<tf.Tensor>
  }

  /** (x - mean) / sqrt(variance + eps) . gamma + beta. @param to the place of the result; in scratch memory if left out */
  layerNorm(x: Value, gamma_d: tf.Tensor1D, beta_d: tf.Tensor1D, eps: number, to?: Address): Value {
    const [C, N, d] = [this.#library.C, this.#N, x.columns]
    const [gamma, beta] = [this.#vector(gamma_d, d), this.#vector(beta_d, d)]
    const [y, mean, rstd] = [this.#value(d, to), this.#take(N), this.#take(N)]
    C.winnow_layer_norm(N, d, x.at, gamma.at(), beta.at(), eps, y.at, mean, rstd)
    this.#record(y, x, (dy, dx) => {
      const [dgamma, dbeta] = [gamma.gradient() ?? this.#take(d), beta.gradient() ?? this.#take(d)]
      C.winnow_layer_norm_gradient(N, d, x.at, gamma.at(), mean, rstd, dy, dx, dgamma, dbeta)
    })
    return y
  }

  /** x / sqrt(mean(x^2) + eps) . gamma. @param to as of `layerNorm` */
  rmsNorm(x: Value, gamma_d: tf.Tensor1D, eps: number, to?: Address): Value {
    const [C, N, d] = [this.#library.C, this.#N, x.columns]
    const gamma = this.#vector(gamma_d, d)
    const [y, rstd] = [this.#value(d, to), this.#take(N)]
    C.winnow_rms_norm(N, d, x.at, gamma.at(), eps, y.at, rstd)
    this.#record(y, x, (dy, dx) => {
      C.winnow_rms_norm_gradient(N, d, x.at, gamma.at(), rstd, dy, dx, gamma.gradient() ?? this.#take(d))
    })
    return y
  }

  /** `headNorm` of packed rows. */
  headNorm(x: Value, of: PackedHeads, queries_h: tf.Tensor1D, keys_h: tf.Tensor1D, eps: number): Value {
    const [C, N] = [this.#library.C, this.#N]
    const { heads: Q, kvHeads: G, headSize: h } = of
    if (x.columns !== (Q + 2 * G) * h)
      throw new Error(`headNorm: found rows of ${x.columns} for ${Q} and ${G} heads of ${h}`)
    const [queries, keys] = [this.#vector(queries_h, h), this.#vector(keys_h, h)]
    const [y, rstd] = [this.#value(x.columns), this.#take(N * (Q + G))]
    C.winnow_head_norm(N, Q, G, h, x.at, queries.at(), keys.at(), eps, y.at, rstd)
    this.#record(y, x, (dy, dx) => {
      const [dqueries, dkeys] = [queries.gradient() ?? this.#take(h), keys.gradient() ?? this.#take(h)]
      C.winnow_head_norm_gradient(N, Q, G, h, x.at, queries.at(), keys.at(), rstd, dy, dx, dqueries, dkeys)
    })
    return y
  }

  /** `linears`: the products with all layers side by side. */
  linears(x: Value, layers: ReadonlyArray<LinearWeights>): Value {
    const [N, d] = [this.#N, x.columns]
    checkLayers({ rank: 2, shape: [N, d] }, layers)
    const places = partsOf(layers)
    const y = this.#value(places.width)
    productsInto(this.#library, this.#mode, N, x.at, layers, places, y.at)
    if (this.#tape === undefined) return y
    const outer = layers.map(({ weight_ed, bias_e }) => ({
      weight: this.#from(weight_ed),
      bias: bias_e && this.#from(bias_e),
    }))
    this.#record(y, x, (dy, dx) => {
      const ofLayer = (i: number) => {
        const { weight, bias } = outer[i]!
        return { weight: weight.at(), dWeight: weight.gradient(), dBias: bias?.gradient() ?? null }
      }
      productGradientsInto(this.#library, this.#mode, [N, d], x.at, dy, places, ofLayer, dx)
    })
    return y
  }

  /** An activation of a value that nothing else reads: without a gradient it is computed in place. */
  activation(x: Value, kind: ChainActivation): Value {
    const [C, n] = [this.#library.C, this.#N * x.columns]
    const y = this.#tape === undefined ? x : this.#value(x.columns)
    if (kind === "gelu") C.winnow_gelu(n, x.at, y.at)
    else C.winnow_gelu_tanh(n, x.at, y.at)
    this.#record(y, x, (dy, dx) => {
      if (kind === "gelu") C.winnow_gelu_gradient(n, x.at, dy, dx)
      else C.winnow_gelu_tanh_gradient(n, x.at, dy, dx)
    })
    return y
  }

  /** `siluGate` of a gate and, beside it, the other half. */
  siluGate(x: Value): Value {
    const [C, N, m] = [this.#library.C, this.#N, x.columns / 2]
    const y = this.#value(m)
    C.winnow_silu_gate(N, m, x.at, y.at)
    this.#record(y, x, (dy, dx) => C.winnow_silu_gate_gradient(N, m, x.at, dy, dx))
    return y
  }

  /** Attention over packed rows. */
  attention(x: Value, { sizes, heads, kvHeads, headSize, cos, sin, start_N }: ChainAttention): Value {
    const [C, N] = [this.#library.C, this.#N]
    const width = (heads + 2 * kvHeads) * headSize
    if (x.columns !== width) throw new Error(`attention: found packed rows of ${x.columns}, expected ${width}`)
    const [y, lse] = [this.#value(heads * headSize), this.#take(N * heads)]
    const [atCos, atSin] = [this.#from(cos), this.#from(sin)]
    const start = start_N && this.#from(start_N)
    C.winnow_attention(sizes, x.at, atCos.at(), atSin.at(), start?.at() ?? null, y.at, lse)
    this.#record(y, x, (dy, dx) => {
      const tables = [atCos.at(), atSin.at(), start?.at() ?? null] as const
      C.winnow_attention_gradient(sizes, x.at, ...tables, y.at, lse, dy, dx)
    })
    return y
  }

  /**
   * The sum of two values or three, in their order, in the place of the first: a product that nothing else reads, as is
   * the second of three.
   */
  sum([a, b, c]: readonly [Value, Value, Value?]): Value {
    const n = this.#N * a.columns
    if (c === undefined) addInto(this.#library, n, a.at, b.at, a.at)
    else this.#library.C.winnow_add3(n, a.at, b.at, c.at, a.at)
    const y: Value = { at: a.at, columns: a.columns }
    const terms = c === undefined ? [a, b] : [a, b, c]
    if (this.#tape !== undefined && c !== undefined) this.#memory.give(b.at, n)
    this.#tape?.push(() => {
      const dy = y.gradient!
      dy.uses += terms.length - 1
      for (const term of terms) this.#accumulate(term, dy)
    })
    return y
  }

  /** Gives the memory of all values but one back, in a chain without a gradient: no other is read from now on. */
  keepOnly(x: Value): void {
    if (this.#tape !== undefined) return
    for (const [at, count] of this.#live) if (at !== x.at) this.#memory.give(at, count)
    this.#live = this.#live.filter(([at]) => at === x.at)
  }

  /**
   * The gradients of the wanted tensors, in their order, and before them the gradient by the first value.
   *
   * @param x the first value, @param y the last
   */
  back(x: Value, y: Value, dy: tf.Tensor): Array<tf.Tensor> {
    this.#memory = new Scratch()
    y.gradient = { at: address(dy), uses: 2 } // never given back
    const tape = this.#tape!
    while (tape.length > 0) tape.pop()!()
    const missing = this.#gradients.entries().find(([, gradient]) => gradient === undefined)
    if (missing !== undefined) throw new Error(`a chain does not read a parameter [${missing[0].shape}] of its own`)
    const dx = output([this.#N, x.columns])
    copyBytes(dx.address, x.gradient!.at, this.#N * x.columns * Float32Array.BYTES_PER_ELEMENT)
    return [dx.tensor, ...this.#gradients.values()] as Array<tf.Tensor>
  }

  #take(count: number): Address {
    const at = this.#memory.take(count)
    if (this.#tape === undefined) this.#live.push([at, count])
    return at
  }

  #value(columns: number, at: Address = this.#take(this.#N * columns)): Value {
    return { at, columns }
  }

  #from(tensor: tf.Tensor | FrozenMatrix): Outer {
    const known = this.#outer.get(tensor)
    if (known !== undefined) return known
    // Another tensor is saved, so it stays where it is; a variable may get another value.
    const now = tensor instanceof tf.Variable ? undefined : placeOf(tensor as FrozenMatrix)
    const outer: Outer = {
      at: () => now ?? address(tensor as tf.Tensor),
      gradient: () => {
        if (tensor instanceof Halves || !this.#gradients.has(tensor)) return null
        const made = output(tensor.shape)
        this.#gradients.set(tensor, made.tensor)
        return made.address
      },
    }
    this.#outer.set(tensor, outer)
    return outer
  }

  /** @error if the vector does not have the rows' length: native code would read past its end */
  #vector(vector: tf.Tensor1D, d: number): Outer {
    if (vector.rank !== 1 || vector.shape[0] !== d)
      throw new Error(`a norm: found a vector [${vector.shape}], expected [${d}]`)
    return this.#from(vector)
  }

  #record(y: Value, x: Value, back: (dy: Address, dx: Address) => void): void {
    this.#tape?.push(() => {
      const dy = y.gradient!
      const dx = this.#memory.take(this.#N * x.columns)
      back(dy.at, dx)
      this.#release(dy, y.columns)
      this.#accumulate(x, { at: dx, uses: 1 })
    })
  }

  /** Adds a gradient to those that a value has, as TFJS does: the sum so far, plus the new one. */
  #accumulate(x: Value, next: Gradient): void {
    const before = x.gradient
    if (before === undefined) {
      x.gradient = next
      return
    }
    const n = this.#N * x.columns
    const sum = [before, next].find(({ uses }) => uses === 1) ?? { at: this.#memory.take(n), uses: 1 }
    addInto(this.#library, n, before.at, next.at, sum.at)
    for (const gradient of [before, next]) if (gradient !== sum) this.#release(gradient, x.columns)
    x.gradient = sum
  }

  #release(gradient: Gradient, columns: number): void {
    gradient.uses--
    if (gradient.uses === 0) this.#memory.give(gradient.at, this.#N * columns)
  }
}

/**
 * Runs a chain from rows [N, d] to the rows that `run` writes, differentiable in the rows and in the parameters.
 *
 * @param parameters all that the chain's gradient reaches, each used once
 * @param columns of the result
 * @param run writes its last value at `to`
 * @error while a gradient is being taken, for a parameter in bfloat16: it passes none on
 */
export const chained = (
  library: Native,
  x_Nd: tf.Tensor2D,
  parameters: ReadonlyArray<tf.Tensor | Halves>,
  columns: number,
  run: (chain: Chain, x: Value, to: Address) => Value,
): tf.Tensor2D => {
  const tensors = parameters.filter((x) => !(x instanceof Halves)) as ReadonlyArray<tf.Tensor>
  if (tensors.length < parameters.length && takesGradient())
    throw new Error("linear: a weight in bfloat16 passes no gradient on; give it as a variable")
  const wanted = tensors.filter(needsGradient)
  const taped = recordsTape()
  const [N, d] = x_Nd.shape
  return customGrad(
    (_, save) => {
      const chain = new Chain(library, N, taped ? wanted : undefined)
      const first: Value = { at: address(x_Nd), columns: d }
      const h = output([N, columns])
      const last = run(chain, first, h.address)
      if (taped) save([x_Nd, ...chain.saved])
      return { value: h.tensor, gradFunc: (dy) => chain.back(first, last, dy) }
    },
    [x_Nd, ...wanted],
  )
}
