/**
 * Processes that compute together, joined by TensorFlow's collective runtime over gRPC.
 *
 * All members call the same functions in the same order. A call waits for the others; it fails if one of them is gone.
 */

import type { Address } from "@winnow/engine"
import { DType } from "../binding/dtypes.ts"
import { attribute, type Metadata } from "../binding/index.ts"
import { keepFreedMemory, unmap } from "../binding/libc.ts"
import type { Seat } from "../binding/server-def.ts"
import { EngineError } from "../binding/status.ts"
import { backend, type EngineOptions, openEngine } from "../engine.ts"
import { tf } from "../tf.ts"
import { allOpen, type Meeting, meet } from "./meet.ts"
import { sharedMemory } from "./shared-memory.ts"
import { startWatch, type Watch } from "./watch.ts"

/** A member of the group does not answer: its process ended, its machine is cut off, or it computes for too long. */
export class GroupBroken extends Error {
  override readonly name = "GroupBroken"
  constructor(
    /** The message of TensorFlow. */
    readonly detail: string,
    /** Seconds that this process waited for. */
    readonly patience: number,
  ) {
    super(`a process of the group does not answer (${detail})`)
  }
}

/** An op of all members. */
type Collective = "CollectiveAllToAllV2" | "CollectiveGatherV2"

/** Words of a frame of `exchange`: its length, and 4 bytes in each of the others. */
const frameWords = 1024

/** Seconds that a call waits for the other members. */
export const usualPatience = 45
/** The same where one member may read or write a large file, or load its models for longer than the others. */
export const longPatience = 600

/** This process's end of the group. */
export class Group {
  /** Seconds that a call waits for the other members; raise it around work that only one of them has. */
  patience = usualPatience
  /** Numbers of the collectives, the same in all members, because all meet them in the same order. */
  readonly #instances = new Map<string, number>()
  #memory: { readonly place: Address; readonly bytes: number } | undefined

  constructor(
    readonly seat: Seat,
    readonly watch: Watch,
    /** False if numbers go through the network, even on one machine. */
    readonly mayShareMemory: boolean,
  ) {}

  get rank(): number {
    return this.seat.rank
  }
  /** Number of members. */
  get size(): number {
    return this.seat.members.length
  }

  #attributes(dtype: number) {
    return [
      attribute.type("T", dtype),
      attribute.string("communication_hint", "auto"),
      attribute.int("Nordering_token", 0),
    ]
  }

  /** Inputs of a collective: the tensor, the group's size and number, and the collective's own number. */
  #inputs(op: Collective, label: string, tensor: tf.Tensor): ReadonlyArray<tf.Tensor> {
    const key = `${op} ${label}`
    const instance = this.#instances.get(key) ?? this.#instances.size + 1
    this.#instances.set(key, instance)
    return [tensor, ...[this.size, 1, instance].map((n) => tf.scalar(n, "int32"))]
  }

  /** Runs what talks to the others. @error GroupBroken */
  #talk<T>(f: () => T): T {
    try {
      return this.watch.within(this.patience, f)
    } catch (error) {
      if (error instanceof EngineError && error.code !== "InvalidArgument")
        throw new GroupBroken(error.detail.split("\n")[0]!, this.patience)
      throw error
    }
  }

  /**
   * Starts a collective and does not wait for it; a read of the result does.
   *
   * @param tensor float32 or int32
   * @param label the same for the same call in each step; two calls of one label must not run at once
   * @returns the result, of this shape
   */
  start(op: Collective, label: string, tensor: tf.Tensor, shape: ReadonlyArray<number>): tf.Tensor {
    const be = backend()
    const dtype = tensor.dtype === "int32" ? DType.int32 : DType.float32
    return tf.tidy(() => {
      const ids = be.getInputTensorIds(this.#inputs(op, label, tensor))
      const output: Omit<Metadata, "id"> = { shape: [...shape], dtype }
      return be.createOutputTensor(this.#talk(() => be.binding.startOp(op, this.#attributes(dtype), ids, output)))
    })
  }

  /** Waits for a started collective. @error GroupBroken */
  wait(result: tf.Tensor): void {
    const be = backend()
    this.#talk(() => be.binding.lendTensor(be.getInputTensorIds([result])[0]!, () => undefined))
  }

  /** Waits for all started collectives. @error GroupBroken */
  finish(): void {
    this.#talk(() => backend().binding.finishOps("a collective"))
  }

  /**
   * Memory that all members see, of at least so many bytes: the same at each call, for one use at a time.
   *
   * @param mayUse false in a member that cannot use it
   * @returns its address in this process; undefined in all members if they do not run on one machine
   * @error GroupBroken
   */
  memory(bytes: number, mayUse: boolean): Address | undefined {
    if (this.#memory !== undefined && this.#memory.bytes >= bytes) return this.#memory.place
    const able = mayUse && this.mayShareMemory
    const { place, shared } = sharedMemory(bytes, this.rank, able, (value) => this.exchange(value))
    if (!shared) {
      if (place !== undefined) unmap(place, bytes)
      return undefined
    }
    if (this.#memory !== undefined) unmap(this.#memory.place, this.#memory.bytes)
    this.#memory = { place: place!, bytes }
    return place
  }

  /**
   * Gives each member a value of every member.
   *
   * @param value JSON; numbers are exact
   * @param patience seconds to wait for the others
   * @returns the values by rank
   * @error GroupBroken
   */
  exchange(value: unknown, patience = this.patience): ReadonlyArray<unknown> {
    const { patience: usual } = this
    this.patience = patience
    try {
      return this.#exchange(value)
    } finally {
      this.patience = usual
    }
  }

  #exchange(value: unknown): ReadonlyArray<unknown> {
    const own = new TextEncoder().encode(JSON.stringify(value ?? null))
    const room = (frameWords - 1) * 4
    const parts: Array<Array<Uint8Array>> = Array.from({ length: this.size }, () => [])
    const lengths: Array<number> = []
    for (let at = 0; at === 0 || at < Math.max(...lengths); at += room) {
      const frame = new Int32Array(frameWords)
      frame[0] = own.length
      new Uint8Array(frame.buffer, 4).set(own.subarray(at, at + room))
      const all = this.#gather(frame)
      for (let rank = 0; rank < this.size; rank++) {
        lengths[rank] = all[rank * frameWords]!
        const end = Math.max(0, Math.min(room, lengths[rank]! - at))
        parts[rank]!.push(new Uint8Array(all.buffer, all.byteOffset + (rank * frameWords + 1) * 4, end))
      }
    }
    return parts.map((bytes) => JSON.parse(Buffer.concat(bytes).toString()) as unknown)
  }

  #gather(frame: Int32Array): Int32Array {
    const be = backend()
    return tf.tidy(() => {
      const inputs = this.#inputs("CollectiveGatherV2", "exchange", tf.tensor1d(frame, "int32"))
      const out = this.#talk(() => be.executeSingleOutput("CollectiveGatherV2", this.#attributes(DType.int32), inputs))
      return out.dataSync().slice() as Int32Array as never // a tidy returns what holds no tensor as it is
    }) as unknown as Int32Array
  }
}

let joined: Group | undefined

/** The group of this process; undefined for one that computes alone. */
export const group = (): Group | undefined => joined

/**
 * Opens the engine as a member of a group, once all members have come to the meeting.
 *
 * @error Error if a member does not come; errors of `openEngine`
 */
export const joinGroup = async (meeting: Meeting, options: Omit<EngineOptions, "group"> = {}): Promise<Group> => {
  const seat = await meet(meeting)
  // gRPC copies each message into new memory: a large one took ten times as long in clearing its pages.
  keepFreedMemory()
  const { library } = await openEngine({ ...options, group: seat })
  const watch = await startWatch(library.files.cc, backend().binding.context)
  await allOpen(meeting)
  return (joined = new Group(seat, watch, meeting.memory !== false))
}
