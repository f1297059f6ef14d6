/** A way of getting a wheel: pip, HTTPS, or a test's own. */
import type { Meter } from "./progress.ts"
import type { Wheel } from "./wheels.ts"

/** Downloads a wheel into a new empty folder, and reports its source's statements about it. */
export interface Way {
  readonly name: "pip" | "https"
  /** @error AttemptFailed with the fault, and a remedy if there is one */
  readonly get: (wheel: Wheel, folder: string, meter: Meter) => Promise<Fetched>
}

/** A wheel on the disk, not yet checked by us. */
export interface Fetched {
  readonly path: string
  /** SHA-256 in lower-case hex from the index; undefined if the way has checked it itself (pip). */
  readonly stated: string | undefined
}
