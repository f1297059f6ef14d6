/** The codes of errors: each is a section of docs/errors.md. */

/** A code. */
export interface ErrorCode {
  readonly code: `WN-${number}`
  /** The exit code of a process that ends with it. */
  readonly exit: number
  /** The name of the error, as it crosses packages; undefined for one that is told by other means. */
  readonly tag?: string
  /** Of wrong input: the beginnings of the names that it is about. */
  readonly about?: RegExp
}

/** Plugins by their kinds, as refusals of their options name them. */
const kinds =
  "filter|examples|loss|objective|head|proposer|measure|score|model|service|study|plugin|--plugin|--proposer|--loss"

/** All codes; of wrong input the first that fits. Its first digit is the exit code's. */
export const errorCodes: ReadonlyArray<ErrorCode> = [
  { code: "WN-101", exit: 1, tag: "InvalidInput", about: /^--set / },
  { code: "WN-102", exit: 1, tag: "InvalidInput", about: /^(experiment|experiments\/|new) ?/ },
  { code: "WN-103", exit: 1, tag: "InvalidInput", about: /^(preflight|task) / },
  { code: "WN-104", exit: 1, tag: "InvalidInput", about: /^vocabularies/ },
  { code: "WN-105", exit: 1, tag: "InvalidInput", about: /tokenizer(_config)?\.json/ },
  { code: "WN-106", exit: 1, tag: "InvalidInput", about: new RegExp(`^(${kinds}) `) },
  { code: "WN-107", exit: 1, tag: "InvalidInput", about: /^--/ },
  { code: "WN-108", exit: 1, tag: "InvalidInput", about: /^run / },
  { code: "WN-109", exit: 1, tag: "InvalidInput" },
  // Code outside of Winnow threw.
  { code: "WN-110", exit: 1 },
  // The command line itself: usage.ts.
  { code: "WN-111", exit: 1 },
  // `bun run bench`, which writes its own codes: bench/src/main.ts.
  { code: "WN-112", exit: 1 },
  { code: "WN-201", exit: 2, tag: "DataError" },
  { code: "WN-202", exit: 2, tag: "FileError" },
  // The machine refused, wherever it did.
  { code: "WN-203", exit: 2 },
  // A package is not installed: main.ts.
  { code: "WN-204", exit: 2 },
  // `bun run bench`: bench/src/main.ts.
  { code: "WN-205", exit: 2 },
  { code: "WN-301", exit: 3, tag: "TrainingStopped" },
  { code: "WN-302", exit: 3, tag: "PeerLost" },
  { code: "WN-401", exit: 4, tag: "EngineClosed" },
  { code: "WN-501", exit: 5, tag: "NotReproduced" },
  { code: "WN-601", exit: 6, tag: "Incomplete" },
  // A bug.
  { code: "WN-701", exit: 70 },
]

/** The codes that are told by other means than the error's name. */
export const faultCode = "WN-110"
export const usageCode = "WN-111"
export const valueCode = "WN-107"
export const machineCode = "WN-203"
export const bugCode = "WN-701"

/** The code of an error that crosses packages; undefined for another one. */
export const errorCodeOf = (error: unknown): ErrorCode | undefined => {
  if (typeof error !== "object" || error === null || !("_tag" in error)) return undefined
  const what = "what" in error ? String(error.what) : ""
  return errorCodes.find(({ tag, about }) => tag === error._tag && (about === undefined || about.test(what)))
}

/** A message with its code, at the end of its first line. */
export const withCode = (text: string, code: string): string => {
  const end = text.indexOf("\n")
  return end < 0 ? `${text} [${code}]` : `${text.slice(0, end)} [${code}]${text.slice(end)}`
}
