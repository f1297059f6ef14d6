/** One judgement of the doctor. */

/** A judgement with its remedy. An `error` means that the engine cannot work. */
export interface Finding {
  readonly level: "ok" | "warn" | "error"
  /** One word for its subject. */
  readonly about:
    | "system"
    | "bun"
    | "library"
    | "engine"
    | "native"
    | "device"
    | "threads"
    | "memory"
    | "speed"
    | "disk"
    | "locale"
  readonly text: string
  /** The remedy of a `warn` or an `error`; each of several lines is an alternative. */
  readonly remedy?: string
}
