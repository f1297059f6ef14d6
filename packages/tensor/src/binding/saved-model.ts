/** Saved models: loading, running and closing TensorFlow sessions. */

import type { Address } from "@winnow/engine"
import type { Runtime } from "./context.ts"
import { refuse } from "./status.ts"
import type { Metadata, Tensors } from "./tensors.ts"

interface Session {
  readonly session: Address
  readonly graph: Address
  readonly directory: string
}

const split = (names: string): Array<string> => (names === "" ? [] : names.split(","))

/** The table of open saved models. */
export class SavedModels {
  readonly #runtime: Runtime
  readonly #tensors: Tensors
  readonly #sessions = new Map<number, Session>()
  #next = 0

  constructor(runtime: Runtime, tensors: Tensors) {
    this.#runtime = runtime
    this.#tensors = tensors
  }

  /** Open models. */
  get count(): number {
    return this.#sessions.size
  }

  /**
   * Loads a model into a session of its own, with the engine's configuration.
   *
   * @param directory that holds `saved_model.pb`
   * @param tags of the graph, comma-separated: `serve`
   * @error EngineError when there is no model or no graph with exactly these tags
   */
  load(directory: string, tags: string): number {
    const { C, arena, status, config } = this.#runtime
    const call = `loadSavedModel(${JSON.stringify(directory)}, ${JSON.stringify(tags)})`
    if (typeof directory !== "string" || typeof tags !== "string")
      throw refuse(call, "expected a directory and comma-separated tags, both strings")
    arena.reset()
    const options = C.TF_NewSessionOptions()
    const graph = C.TF_NewGraph()!
    try {
      C.TF_SetConfig(options, arena.bytes(config), config.length, status.address)
      status.check(call)
      const each = split(tags).map((tag) => arena.cstring(tag))
      const session = C.TF_LoadSessionFromSavedModel(
        options,
        null,
        arena.cstring(directory),
        arena.pointers(each),
        each.length,
        graph,
        null,
        status.address,
      )
      if (session === null || status.failed) throw status.error(call)
      this.#sessions.set(this.#next, { session, graph, directory })
      return this.#next++
    } catch (error) {
      C.TF_DeleteGraph(graph)
      throw error
    } finally {
      C.TF_DeleteSessionOptions(options)
    }
  }

  #find(id: number, call: string): Session {
    const found = this.#sessions.get(id)
    if (found === undefined)
      throw refuse(
        call,
        `there is no saved model ${String(id)}: it was deleted, or never loaded. ${this.count} are open.`,
      )
    return found
  }

  /** @error EngineError if it is not open */
  delete(id: number): void {
    const { C, status } = this.#runtime
    const call = "deleteSavedModel"
    const { session, graph } = this.#find(id, call)
    this.#sessions.delete(id)
    C.TF_CloseSession(session, status.address)
    C.TF_DeleteSession(session, status.address)
    C.TF_DeleteGraph(graph)
    status.check(call)
  }

  /** Splits `name:0` and finds the operation; without an index, output 0. */
  #endpoint(graph: Address, endpoint: string, call: string): { operation: Address; index: number } {
    const { C, arena } = this.#runtime
    const colon = endpoint.lastIndexOf(":")
    const name = colon < 0 ? endpoint : endpoint.slice(0, colon)
    const index = colon < 0 ? 0 : Number(endpoint.slice(colon + 1))
    const operation = C.TF_GraphOperationByName(graph, arena.cstring(name))
    if (operation === null) throw refuse(call, `the graph has no operation ${JSON.stringify(name)}`)
    const outputs = C.TF_OperationNumOutputs(operation)
    if (!Number.isInteger(index) || index < 0 || index >= outputs)
      throw refuse(call, `${JSON.stringify(endpoint)}: the operation ${name} has ${outputs} outputs, numbered from 0`)
    return { operation, index }
  }

  /** Endpoints as TF_Output[]: an address and an int each, 16 bytes with padding. */
  #endpoints(graph: Address, endpoints: ReadonlyArray<string>, call: string): Address {
    const found = endpoints.map((endpoint) => this.#endpoint(graph, endpoint, call))
    return this.#runtime.arena.pointers(found.flatMap(({ operation, index }) => [operation, index]))
  }

  /**
   * Runs a model once.
   *
   * @param inputs numbers of live tensors
   * @param inputNames comma-separated endpoints such as `serving_default_x:0`, one for each input
   * @param outputNames comma-separated endpoints such as `StatefulPartitionedCall:0`
   * @returns one tensor for each output name
   * @error EngineError when the model is not open, a name is not in its graph, or TensorFlow refuses the inputs
   */
  run(id: number, inputs: ReadonlyArray<number>, inputNames: string, outputNames: string): Array<Metadata> {
    const { C, arena, status } = this.#runtime
    if (!Array.isArray(inputs) || typeof inputNames !== "string" || typeof outputNames !== "string")
      throw refuse("runSavedModel", "expected tensor numbers, input names and output names: an array and two strings")
    const shown = inputs.map((input) => this.#tensors.describe(input)).join(", ")
    const call = `runSavedModel(${String(id)}: ${inputNames} = ${shown} -> ${outputNames})`
    const { session, graph } = this.#find(id, call)
    const [from, to] = [split(inputNames), split(outputNames)]
    if (from.length !== inputs.length)
      throw refuse(call, `${from.length} input names for ${inputs.length} input tensors`)
    arena.reset()
    const resolved: Array<Address> = []
    try {
      for (const input of inputs) {
        const tensor = C.TFE_TensorHandleResolve(this.#tensors.handle(input, call), status.address)
        if (tensor === null || status.failed) throw status.error(call)
        resolved.push(tensor)
      }
      const sources = this.#endpoints(graph, from, call)
      const values = arena.pointers(resolved)
      const targets = this.#endpoints(graph, to, call)
      const room = arena.words(to.length)
      C.TF_SessionRun(
        session,
        null,
        sources,
        values,
        inputs.length,
        targets,
        room,
        to.length,
        null,
        0,
        null,
        status.address,
      )
      if (status.failed) throw status.error(call)
      const results = to.map((_, i) => arena.word(room, i))
      return this.#adopt(results, call)
    } finally {
      for (const tensor of resolved) C.TF_DeleteTensor(tensor)
    }
  }

  #adopt(tensors: ReadonlyArray<Address>, call: string): Array<Metadata> {
    const { C, status } = this.#runtime
    const adopted: Array<Metadata> = []
    try {
      for (const tensor of tensors) {
        const handle = C.TFE_NewTensorHandle(tensor, status.address)
        if (handle === null || status.failed) throw status.error(call)
        adopted.push(this.#tensors.adoptWithMetadata(handle))
      }
      return adopted
    } catch (error) {
      for (const { id } of adopted) this.#tensors.delete(id)
      throw error
    } finally {
      for (const tensor of tensors) C.TF_DeleteTensor(tensor)
    }
  }
}
