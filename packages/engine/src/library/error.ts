/** The only error of getting the library: all attempts, the reason of each failure, and the remedy. */

/** One place or one way that was tried, in the order of the attempts. */
export interface Attempt {
  /** The place or way: "WINNOW_LIBTENSORFLOW", "cache", "python", "pip", "https". */
  readonly where: string
  /** The reason of the failure: the found and the expected state. */
  readonly why: string
  /** The remedy for the user, as an imperative sentence. */
  readonly remedy?: string
}

/** No usable libtensorflow: `attempts` lists the failures, the message shows them with remedies. */
export class LibraryNotFound extends Error {
  override readonly name = "LibraryNotFound"

  constructor(
    /** In the order of the attempts; never empty. */
    readonly attempts: ReadonlyArray<Attempt>,
  ) {
    super(describe(attempts))
  }
}

/** A failure inside one attempt that knows its own remedy. */
export class AttemptFailed extends Error {
  override readonly name = "AttemptFailed"

  constructor(
    message: string,
    readonly remedy?: string,
  ) {
    super(message)
  }
}

/** Turns any thrown value into an attempt; a full disk gets its remedy here, for any caller. */
export const failedAttempt = (where: string, cause: unknown): Attempt => {
  const why = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof AttemptFailed)
    return cause.remedy === undefined ? { where, why } : { where, why, remedy: cause.remedy }
  const code = (cause as { code?: unknown } | null)?.code
  if (code === "EACCES" || code === "EROFS" || code === "EPERM")
    return { where, why, remedy: "Make the folder writable, or set XDG_CACHE_HOME to one that is." }
  return { where, why }
}

const describe = (attempts: ReadonlyArray<Attempt>): string => {
  const width = Math.max(...attempts.map((attempt) => attempt.where.length))
  const tried = attempts.map(({ where, why }) => {
    const [first, ...rest] = why.split("\n")
    return [`  ${where.padEnd(width)}  ${first}`, ...rest.map((line) => `  ${" ".repeat(width)}  ${line}`)].join("\n")
  })
  const remedies = new Set(attempts.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy])))
  remedies.add(
    "By hand, on any machine: unzip the TensorFlow wheel for this platform and set WINNOW_LIBTENSORFLOW to its folder `tensorflow`.",
  )
  return [
    "libtensorflow was not found. Tried, in this order:",
    ...tried,
    "Remedies (any one of them):",
    ...[...remedies].map((remedy) => `  - ${remedy}`),
    "See docs/engine.md.",
  ].join("\n")
}
