/**
 * Frozen models as services, and the references of a filter: a frozen model, an earlier checkpoint of the draft, an
 * average of the draft.
 *
 * References that follow the draft are part of a stage's checkpoint, so a resumed stage has the same reference.
 */
import { type Encoder, frozen, movedParameters, Reference, Target, type Trainable, variablesState } from "@winnow/core"
import { copyModel } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { Effect, Layer } from "effect"

/** A target; the model stays its owner's. */
export const frozenTarget = (model: Encoder): Layer.Layer<Target> => Layer.succeed(Target, frozen(model))

/** A reference that does not change; the model stays its owner's. */
export const frozenReference = (model: Encoder): Layer.Layer<Reference> => Layer.succeed(Reference, frozen(model))

const following = (draft: Encoder, move: (reference: Encoder, draft: Trainable, step: number) => void) =>
  Layer.effect(
    Reference,
    Effect.acquireRelease(
      Effect.sync(() => copyModel(draft)),
      (model) => Effect.sync(() => model.dispose()),
    ).pipe(
      Effect.map((model) => ({
        ...frozen(model),
        state: variablesState(model.parameters, { after: (step, draft) => move(model, draft, step) }),
      })),
    ),
  )

const assign = (reference: Encoder, draft: Trainable, value: (r: tf.Variable, d: tf.Variable) => tf.Tensor) => {
  // A frozen parameter is equal in both, and an average would round it.
  for (const [name, d] of movedParameters(draft))
    tf.tidy(() => {
      const r = reference.parameters.get(name)!
      r.assign(value(r, d) as never)
    })
}

/**
 * The draft at the last multiple of `every` steps: 0 to every - 1 steps ago. Right after a refresh both are equal,
 * every excess is 0, and a rule with ties included keeps all tokens.
 */
export const earlierCheckpoint = (draft: Encoder, every: number): Layer.Layer<Reference> =>
  following(draft, (reference, draft, step) => {
    // a copy, not a clone: the optimizer updates the draft's buffer in place
    if (step % every === 0) assign(reference, draft, (_, d) => tf.add(d, 0))
  })

/** Exponential moving average of the draft: r <- decay r + (1 - decay) q after each step. */
export const movingAverage = (draft: Encoder, decay: number): Layer.Layer<Reference> =>
  following(draft, (reference, draft) =>
    assign(reference, draft, (r, d) => tf.add(tf.mul(r, decay), tf.mul(d, 1 - decay))),
  )
