/** The rule that chooses a token from a model's logits: settings that target and proposer share. */
import { type } from "arktype"
import { temperature } from "./numbers.ts"

/** The rule that chooses tokens; applied alike to target and draft. */
export const samplingOptions = type({
  "+": "reject",
  /** 0 is greedy: all mass on the most probable token; else 1e-4 to 1e4. */
  temperature: temperature.or("0").default(0),
  /** Only the k most probable tokens; ties with the k-th stay. Absent: all. */
  "topK?": "number.integer >= 1",
  /** The smallest set of most probable tokens whose mass reaches p; among equals the lowest ids. Absent: all. */
  "topP?": "0 < number <= 1",
})

/** Sampling options with the temperature filled in. */
export type Sampling = typeof samplingOptions.infer

/** The sampling among wider settings, without the fields that are absent there. */
export const samplingOf = (settings: {
  readonly temperature: number
  readonly topK?: number | undefined
  readonly topP?: number | undefined
}): Sampling => {
  const { temperature, topK, topP } = settings
  return { temperature, ...(topK === undefined ? {} : { topK }), ...(topP === undefined ? {} : { topP }) }
}
