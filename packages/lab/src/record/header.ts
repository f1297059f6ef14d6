/** The part of a run.json that every study writes: what was asked, what made it, what is missing, the raw counts. */
import { type } from "arktype"

/** The form in which records say their figures in tables. Numbers up to 3 are forms of a distillation's own record. */
export const studySchema = 4 as const

/** A draft of which there is no figure, or not all, and why. */
const missing = type({ name: "string", seed: "number", stage: "string", message: "string" })
export type MissingRecord = typeof missing.infer

/** Bytes that a figure follows from: the weights of a model, by the row and seed that they are of. */
const weights = type({
  /** "target", or a row's name. */
  name: "string",
  /** Null of the target, which all seeds have. */
  seed: "number | null",
  file: "string",
  sha256: "string",
})
export type WeightsRecord = typeof weights.infer

const commit = type({ hash: "string", dirty: "boolean", "sources?": "string" })

/** Fields of every record, beside its schema and what its study found. */
export const recordHeader = {
  /** NNN-slug. */
  experiment: "string",
  part: "string | null",
  preset: "string | null",
  name: "string",
  question: "string",
  run: "string",
  created: "string",
  config: "Record<string, unknown>",
  seeds: "number[]",
  commit: commit.or("null"),
  versions: "Record<string, unknown>",
  machine: {
    cpu: "string",
    cores: "number",
    memoryGiB: "number",
    system: "string",
    device: "string",
    products: "string",
    "native?": "string",
  },
  /** The verdict of the run, in one line. */
  verdict: "string",
  missing: missing.array(),
  /** The report's words: what follows from the figures, and what does not. */
  conclusions: "string[]",
  /** Raw counts by item and seed, in a file beside this one: what every figure can be computed from. */
  counts: type({ file: "string", sha256: "string", bytes: "number" }).or("null"),
  weights: weights.array(),
  stages: type({
    kind: "string",
    label: "string",
    key: "string",
    created: "string",
    seconds: "number",
    reused: "boolean",
    /** The commit that made the artifact, and the code that its key holds, as its manifest has them. Null: it does not say. */
    commit: commit.or("null"),
    code: "unknown",
  }).array(),
} as const
