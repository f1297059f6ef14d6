/** The rotary embeddings and windows of a description's attentions, each once, as a pass prepares them for all layers. */
import type { Attends } from "@winnow/core"
import type { Description } from "./instructions.ts"
import type { RotarySpec } from "./rotary-spec.ts"
import { rotarySpec } from "./rotary-tables.ts"

/** The distinct inputs of attentions, and their places by layer. */
export interface AttentionPlan {
  readonly rotaries: ReadonlyArray<RotarySpec>
  /** Positions that a token reads on each side of it, its own included; undefined means all of its sequence. */
  readonly windows: ReadonlyArray<number | undefined>
  readonly layers: ReadonlyArray<{
    readonly rotary: number
    readonly window: number
    /** Of the scores; see `attend`. */
    readonly cap: number | undefined
  }>
}

/** The place of a value in a list, by a text that equal values share; a new one is appended. */
const placeIn = <V>(list: Array<V>, value: V, text: (value: V) => string): number => {
  const found = list.findIndex((other) => text(other) === text(value))
  return found < 0 ? list.push(value) - 1 : found
}

/** The plan of a description: one attention a layer. */
export const attentionPlan = (
  of: Pick<Description<Attends>, "heads" | "maxLength" | "rotary" | "layers">,
): AttentionPlan => {
  const [rotaries, windows]: [Array<RotarySpec>, Array<number | undefined>] = [[], []]
  const layers = of.layers.map((layer) => {
    const attend = layer.find((i) => i.op === "attend")! // `slotWidths` finds one in each layer
    const { window } = attend
    return {
      rotary: placeIn(rotaries, rotarySpec(of, attend), JSON.stringify),
      // a window as long as the longest sequence hides no position
      window: placeIn(windows, window !== undefined && window < of.maxLength ? window : undefined, String),
      cap: attend.cap,
    }
  })
  return { rotaries, windows, layers }
}
