/** TensorFlow's status, and the error that an engine call throws. */
import type { Address } from "@winnow/engine"
import type { Symbols } from "./symbols.ts"

/** TF_Code by number, from `tensorflow/c/tf_status.h`. */
const codes = [
  "OK",
  "Cancelled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const

/** A refusal by TensorFlow, or by the binding before it: the message names the op, its inputs' dtypes and shapes. */
export class EngineError extends Error {
  override readonly name = "EngineError"
  constructor(
    /** The call, with the dtypes and shapes of its inputs: `MatMul(float32[2,3], int32[3])`. */
    readonly call: string,
    /** TensorFlow's code, such as `InvalidArgument`; the binding's own checks are `InvalidArgument` too. */
    readonly code: string,
    /** TensorFlow's own message, or the binding's. */
    readonly detail: string,
  ) {
    super(`${call}: ${code}: ${detail}`)
  }
}

/** An empty C string, only for calls, which take its address themselves. */
const empty = new Uint8Array(1)

/** The one status that all calls write to; synchronous calls never overlap. */
export class Status {
  readonly address: Address
  readonly #symbols: Symbols

  constructor(symbols: Symbols) {
    this.#symbols = symbols
    this.address = symbols.TF_NewStatus()!
  }

  /** True if the last call with this status failed. */
  get failed(): boolean {
    return this.#symbols.TF_GetCode(this.address) !== 0
  }

  /**
   * Returns the error of the last call, with its text copied out of C memory, and clears the status: some functions
   * leave it unchanged on success, so an old error must not stay.
   *
   * @param call describes the failed call
   */
  error(call: string): EngineError {
    const code = this.#symbols.TF_GetCode(this.address)
    const message = String(this.#symbols.TF_Message(this.address))
    this.#symbols.TF_SetStatus(this.address, 0, empty)
    return new EngineError(call, codes[code] ?? `code ${code}`, message)
  }

  /** @error EngineError if the last call failed */
  check(call: string): void {
    if (this.failed) throw this.error(call)
  }
}

/** An argument that the binding refuses before TensorFlow sees it. */
export const refuse = (call: string, detail: string): EngineError => new EngineError(call, "InvalidArgument", detail)
