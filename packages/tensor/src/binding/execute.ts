/** Runs one op: the path of every TFJS kernel, 6-9 microseconds for a small op. */
import type { Address } from "@winnow/engine"
import { type Attribute, AttributeSetter } from "./attributes.ts"
import type { Runtime } from "./context.ts"
import { Later } from "./later.ts"
import { refuse } from "./status.ts"
import type { Metadata, Tensors } from "./tensors.ts"

/** Most outputs an op may have; TensorFlow's own lists stay far below. */
const maxOutputs = 65536

/** Runs ops of the eager context, one at a time. */
export class Executor {
  readonly #runtime: Runtime
  readonly #tensors: Tensors
  readonly #attributes: AttributeSetter
  #later: Later | undefined

  constructor(runtime: Runtime, tensors: Tensors) {
    this.#runtime = runtime
    this.#tensors = tensors
    this.#attributes = new AttributeSetter(runtime, tensors)
  }

  /**
   * @param name of the op, under which TensorFlow registers it
   * @param attributes those that the inputs do not determine; others take the op's defaults
   * @param inputs numbers of live tensors, lists flattened
   * @param outputs number of tensors that the op returns
   * @error EngineError that names the op, the dtypes and shapes of its inputs, and TensorFlow's reason; no tensor is
   * left
   */
  run(
    name: string,
    attributes: ReadonlyArray<Attribute>,
    inputs: ReadonlyArray<number>,
    outputs: number,
  ): Array<Metadata> {
    return this.#run(name, attributes, inputs, outputs, (handle) => this.#tensors.adoptWithMetadata(handle))
  }

  /**
   * Starts an op of one output on a second thread, which runs such ops one by one, and does not wait for it.
   *
   * @param output its shape and dtype; a read of the output waits for the op
   * @returns the number of the output
   * @error EngineError as `run`; an error of the op itself comes with the read
   */
  start(
    name: string,
    attributes: ReadonlyArray<Attribute>,
    inputs: ReadonlyArray<number>,
    output: Omit<Metadata, "id">,
  ): Metadata {
    this.#later ??= new Later(this.#runtime)
    return this.#later.use(
      () => this.#run(name, attributes, inputs, 1, (handle) => ({ ...output, id: this.#tensors.adopt(handle) }))[0]!,
    )
  }

  /** Waits for all that `start` has started. @error EngineError of the first that failed; later ones are not run */
  finish(call: string): void {
    this.#later?.wait(call)
  }

  #run(
    name: string,
    attributes: ReadonlyArray<Attribute>,
    inputs: ReadonlyArray<number>,
    outputs: number,
    adopt: (handle: Address) => Metadata,
  ): Array<Metadata> {
    const { C, arena, status, context } = this.#runtime
    const call = () => this.#describe(name, inputs)
    if (typeof name !== "string" || name === "") throw refuse(call(), "expected the name of an op")
    if (!Array.isArray(attributes)) throw refuse(call(), "expected an array of attributes")
    if (!Array.isArray(inputs)) throw refuse(call(), "expected an array of tensor numbers")
    if (!Number.isInteger(outputs) || outputs < 0 || outputs > maxOutputs)
      throw refuse(call(), `expected a number of outputs from 0 to ${maxOutputs}, found ${String(outputs)}`)
    arena.reset()
    const op = C.TFE_NewOp(context, arena.name(name), status.address)
    if (op === null || status.failed) throw status.error(call())
    try {
      for (let i = 0; i < inputs.length; i++) {
        const handle = this.#tensors.find(inputs[i]!)
        if (handle === undefined) this.#tensors.handle(inputs[i]!, call())
        C.TFE_OpAddInput(op, handle!, status.address)
        if (status.failed) throw status.error(call())
      }
      this.#attributes.setAll(op, name, attributes, call)
      // Allocated last: earlier scratch may lie in a block that a long attribute outgrew.
      const room = arena.words(outputs + 1)
      const count = room + outputs * 8
      arena.setInt32(count, outputs)
      C.TFE_Execute(op, room, count, status.address)
      if (status.failed) throw status.error(call())
      const outputCount = arena.int32(count)
      const results: Array<Metadata> = []
      for (let i = 0; i < outputCount; i++) results.push(adopt(arena.word(room, i)))
      if (outputCount !== outputs) {
        for (const { id } of results) this.#tensors.delete(id)
        throw refuse(call(), `the op gives ${outputCount} outputs, ${outputs} were expected`)
      }
      return results
    } finally {
      C.TFE_DeleteOp(op)
    }
  }

  #describe(name: unknown, inputs: unknown): string {
    const list = Array.isArray(inputs) ? inputs.map((id) => this.#tensors.describe(id)).join(", ") : String(inputs)
    return `${String(name)}(${list})`
  }
}
