/**
 * State that lives through a training stage: weights, moments, a filter's memory, a reference that follows the draft.
 *
 * A checkpoint contains the JSON and the tensors of every state of a stage, so a stage that resumes goes on with the
 * same bits.
 */
import { tf } from "@winnow/tensor"
import type { Draft } from "./draft.ts"
import type { Parameters } from "./model.ts"

/** A tensor of a state. Its shape is the same at writing and at reading. */
export interface StateTensor {
  readonly shape: ReadonlyArray<number>
  /** The present values, float32, row-major. Read one tensor at a time, while a checkpoint is written. */
  readonly read: () => Float32Array
  /** Takes the values of a checkpoint, which are copied. */
  readonly write: (values: Float32Array) => void
}

/** One thing that lives through a training stage. Randomness needs none: every draw is a function of seed and step. */
export interface StepState {
  /** Called before each optimizer step. `step` counts the steps done so far: 0 before the first. */
  readonly before?: (step: number, draft: Draft) => void
  /** Called after each optimizer step. `step` counts the steps done so far: 1 after the first. */
  readonly after?: (step: number, draft: Draft) => void
  /** The part that goes through JSON into the checkpoint; null for none. */
  readonly save: () => unknown
  /** Takes what `save` returned, after JSON. Not called with null. */
  readonly restore: (saved: unknown) => void
  /** The part that is too large for JSON, by name. The names are the same in each process that runs the stage. */
  readonly tensors?: ReadonlyMap<string, StateTensor>
}

/** Variables as tensors of a state. They stay their owner's. */
export const stateTensors = (variables: Parameters): ReadonlyMap<string, StateTensor> =>
  new Map(
    Array.from(variables, ([name, variable]) => [
      name,
      {
        shape: variable.shape,
        read: () => variable.dataSync() as Float32Array,
        write: (values) => tf.tidy(() => variable.assign(tf.tensor(values, variable.shape))),
      },
    ]),
  )

/** A state that has variables and no JSON. */
export const variablesState = (variables: Parameters, hooks: Pick<StepState, "before" | "after"> = {}): StepState => ({
  ...hooks,
  save: () => null,
  restore: () => {},
  tensors: stateTensors(variables),
})

/**
 * Several states as one: hooks run in the order of the names, JSON is one object by name, tensors are `name/tensor`. If
 * a save lacks one of the names, that state stays unchanged.
 */
export const jointState = (states: Readonly<Record<string, StepState>>): StepState => {
  const all = Object.entries(states)
  return {
    before: (step, draft) => {
      for (const [, state] of all) state.before?.(step, draft)
    },
    after: (step, draft) => {
      for (const [, state] of all) state.after?.(step, draft)
    },
    save: () => Object.fromEntries(all.map(([name, state]) => [name, state.save() ?? null])),
    restore: (saved) => {
      for (const [name, state] of all) {
        const own = (saved as Readonly<Record<string, unknown>>)[name] ?? null
        if (own !== null) state.restore(own)
      }
    },
    tensors: new Map(
      all.flatMap(([name, { tensors = [] }]) =>
        Array.from(tensors, ([tensor, value]) => [`${name}/${tensor}`, value] as const),
      ),
    ),
  }
}
