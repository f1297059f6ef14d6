/** The part of a run.json that every study writes: the question, the origin, the missing parts, the raw counts. */
import { type } from "arktype"

/** The form of records with their figures in tables. Numbers up to 3 are forms of a distillation's own record. */
export const studySchema = 4 as const

/** A draft without a figure, or without some, and the reason. */
const missing = type({ name: "string", seed: "number", stage: "string", message: "string" })
export type MissingRecord = typeof missing.infer

/** Bytes behind a figure: the weights of a model, with their row and seed. */
const weights = type({
  /** "target", or a row's name. */
  name: "string",
  /** Null for the target, which all seeds share. */
  seed: "number | null",
  file: "string",
  sha256: "string",
})
export type WeightsRecord = typeof weights.infer

const commit = type({ hash: "string", dirty: "boolean", "sources?": "string" })

/** Fields of every record, beside its schema and its study's findings. */
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
  /** The report's words: the conclusions from the figures, and their limits. */
  conclusions: "string[]",
  /** Raw counts by item and seed, in a file beside this one: the source of every figure. */
  counts: type({ file: "string", sha256: "string", bytes: "number" }).or("null"),
  weights: weights.array(),
  stages: type({
    kind: "string",
    label: "string",
    key: "string",
    created: "string",
    seconds: "number",
    reused: "boolean",
    /** The commit that computed the artifact, and the code in its key, from its manifest. Null: not stated. */
    commit: commit.or("null"),
    code: "unknown",
  }).array(),
} as const
