/**
 * The trunk's native kernels, forward and backward, each beside its floor: multiply-adds in registers for a kernel that
 * counts operations, copying an uncached block for one that moves memory. "0.5 x" is half the speed of the floor.
 *
 * Sizes are those of a small draft: 1024 rows in sequences of 256. Where TFJS runs both passes, backward is timed with
 * the forward pass before it, and its work counts both.
 */
import { attention, embedding, type HeadLayout, rotaryEmbedding, sequenceFrame } from "@winnow/models"
import {
  AdamW,
  engineInfo,
  gelu,
  layerNorm,
  linear,
  type Native,
  native,
  output,
  rmsNorm,
  siluGate,
  squareSum,
  tf,
  withPrecision,
} from "@winnow/tensor"
import type { Registry, Setup, Suite, Unit } from "../suite.ts"

const [B, T] = [4, 256]
const N = B * T
const V = 50304
const floatBytes = 4

const random = (...shape: ReadonlyArray<number>): tf.Tensor => tf.randomNormal([...shape])

const nativeNow = (): Native => {
  const fast = native()
  if (fast === undefined) throw new Error("the suite of kernels needs the native library: see `winnow doctor`")
  return fast
}

/** A call on tensors that live as long as the bench. */
const calls = (make: () => ReadonlyArray<tf.Tensor>, call: (inputs: ReadonlyArray<tf.Tensor>) => unknown): Setup =>
  async function* () {
    const inputs = tf.tidy(() => [...make()])
    try {
      yield () =>
        tf.tidy(() => {
          call(inputs) // its result would outlive the tidy
        })
    } finally {
      tf.dispose(inputs)
    }
  }

type Op = (...inputs: Array<tf.Tensor>) => tf.Tensor

/** The work of a kernel in one pass: floating-point operations, or bytes read and written. */
interface Cost {
  readonly unit: Extract<Unit, "GFLOP/s" | "GB/s">
  readonly forward: number
  readonly backward: number
}
const flops = (forward: number, backward: number): Cost => ({ unit: "GFLOP/s", forward, backward })
/** Cost in floats that are read or written. */
const floats = (forward: number, backward: number): Cost => ({
  unit: "GB/s",
  forward: forward * floatBytes,
  backward: backward * floatBytes,
})

const arithmetic = { float32: "floor: multiply-adds, float32", bfloat16: "floor: multiply-adds, bfloat16" } as const
const memory = "floor: copying 256 MB"

/** Rounds in one call of the floor: a few milliseconds. */
const rounds = 1_000_000

const floors = ({ bench }: Registry) => {
  for (const [mode, name] of [
    [0, arithmetic.float32],
    [1, arithmetic.bfloat16],
  ] as const)
    bench(name, {
      work: { amount: () => nativeNow().C.winnow_probe_multiply_adds(mode, 1) * rounds, unit: "GFLOP/s" },
      setup: async function* () {
        const { C } = nativeNow()
        yield () => C.winnow_probe_multiply_adds(mode, rounds)
      },
    })
  const n = 32e6
  bench(memory, {
    work: { amount: 2 * n * floatBytes, unit: "GB/s" },
    setup: async function* () {
      const { C } = nativeNow()
      const [from, to] = [output([n]), output([n])]
      try {
        yield () => C.winnow_probe_stream(n, from.address, to.address)
      } finally {
        tf.dispose([from.tensor, to.tensor])
      }
    },
  })
}

/** Benches an op forward, and forward with backward, on tensors of these shapes. */
const both = (
  { bench }: Registry,
  name: string,
  op: Op,
  shapes: ReadonlyArray<ReadonlyArray<number>>,
  cost: Cost,
  precision: keyof typeof arithmetic = "float32",
) => {
  const comparedTo = cost.unit === "GB/s" ? memory : arithmetic[precision]
  const make = () => shapes.map((shape) => random(...shape))
  bench(name, {
    work: { amount: cost.forward, unit: cost.unit },
    comparedTo,
    setup: calls(make, (inputs) => withPrecision(precision, () => op(...inputs))),
  })
  const withGradient = () => {
    const inputs = make()
    return [...inputs, tf.onesLike(op(...inputs))]
  }
  bench(`${name}, and its gradient`, {
    work: { amount: cost.forward + cost.backward, unit: cost.unit },
    comparedTo,
    setup: calls(withGradient, (tensors) =>
      withPrecision(precision, () =>
        tf.grads((...x: Array<tf.Tensor>) => op(...x))(tensors.slice(0, -1), tensors.at(-1)!),
      ),
    ),
  })
}

const attentionOf = (layout: HeadLayout, rotated: number): Op => {
  const rotary = rotaryEmbedding({ headSize: layout.headSize, rotated, theta: 10000, maxLength: T })
  return (packed) => attention(packed as tf.Tensor2D, sequenceFrame(rotary, B, T), layout)
}

const optimizer = ({ bench }: Registry) => {
  const n = 16e6
  bench("AdamW, 16 M parameters", {
    // Parameter and moments are read and written, the gradient is read.
    work: { amount: 7 * n * floatBytes, unit: "GB/s" },
    comparedTo: memory,
    setup: async function* () {
      const shape: [number, number] = [n / 1000, 1000]
      const [w, g] = [tf.tidy(() => tf.variable(tf.fill(shape, 0.02))), tf.fill(shape, 1e-3)]
      const adamw = new AdamW(new Map([["w", w]]), { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 })
      try {
        yield () => adamw.apply({ w: g }, 1e-4)
      } finally {
        adamw.dispose()
        tf.dispose([w, g])
      }
    },
  })
  bench("sum of squares, 16 M", {
    work: { amount: n * floatBytes, unit: "GB/s" },
    comparedTo: memory,
    setup: calls(
      () => [tf.fill([n], 1e-3)],
      ([x]) => squareSum(x!),
    ),
  })
}

/** The reason for a missing native library; undefined if there is one, and before the engine is open. */
const missing = (): string | undefined => {
  try {
    const { native } = engineInfo()
    return "missing" in native ? native.missing : undefined
  } catch {
    return undefined
  }
}

/** Plain forms have no floor to compare with: without the native library the suite is empty. */
export const kernels: Suite = (registry) => {
  const reason = missing()
  if (reason !== undefined) {
    registry.skip("native kernels", reason)
    return
  }
  floors(registry)
  const add = (
    name: string,
    op: Op,
    shapes: ReadonlyArray<ReadonlyArray<number>>,
    cost: Cost,
    precision?: keyof typeof arithmetic,
  ) => both(registry, name, op, shapes, cost, precision)
  for (const precision of ["float32", "bfloat16"] as const)
    for (const [d, e] of [
      [256, 768],
      [256, 1024],
      [1024, 256],
      [512, 2048],
    ] as const)
      add(
        `linear ${precision}, ${d} to ${e}`,
        linear as unknown as Op,
        [[N, d], [e, d], [e]],
        flops(2 * N * d * e, 4 * N * d * e),
        precision,
      )
  for (const [heads, h] of [
    [8, 32],
    [8, 64],
  ] as const) {
    const packed = [N, 3 * heads * h]
    // Forward has two products of T^2 / 2 pairs, backward five.
    const product = 2 * h * heads * B * ((T * (T + 1)) / 2)
    const layout: HeadLayout = { heads, kvHeads: heads, headSize: h, order: "heads" }
    add(`attention, ${heads} heads of ${h}`, attentionOf(layout, h / 4), [packed], flops(2 * product, 5 * product))
  }
  const grouped: HeadLayout = { heads: 8, kvHeads: 2, headSize: 32, order: "kinds" }
  const product = 2 * 32 * 8 * B * ((T * (T + 1)) / 2)
  add("attention, 8 heads of 32 in 2 groups", attentionOf(grouped, 32), [[N, 12 * 32]], flops(2 * product, 5 * product))
  for (const d of [256, 512]) {
    const norm = (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) =>
      layerNorm(x as tf.Tensor2D, gamma as tf.Tensor1D, beta as tf.Tensor1D, 1e-5)
    // Forward reads x and writes y; backward reads x and dy and writes dx.
    add(`layer norm, ${d}`, norm as Op, [[N, d], [d], [d]], floats(2 * N * d, 3 * N * d))
    const rms = (x: tf.Tensor, gamma: tf.Tensor) => rmsNorm(x as tf.Tensor2D, gamma as tf.Tensor1D, 1e-5)
    add(`RMS norm, ${d}`, rms as Op, [[N, d], [d]], floats(2 * N * d, 3 * N * d))
  }
  for (const m of [1024, 2048]) {
    add(`GELU, ${m}`, gelu as Op, [[N, m]], floats(2 * N * m, 3 * N * m))
    add(`SiLU gate, ${m}`, siluGate as unknown as Op, [[N, 2 * m]], floats(3 * N * m, 5 * N * m))
  }
  const ids = Int32Array.from({ length: N }, (_, n) => (n * 7919) % V)
  const rows = (weight: tf.Tensor) => embedding(weight as tf.Tensor2D, tf.tensor1d(ids, "int32"))
  // The gradient's tensor is written completely.
  add(`embedding, ${V} x 256`, rows as Op, [[V, 256]], floats(2 * N * 256, V * 256 + 2 * N * 256))
  optimizer(registry)
}
