/** Makes the caches for `--cached`, once and in a process of its own, as a stage before training does. */
import { join } from "node:path"
import { openEngine, setPrecision } from "@winnow/tensor"
import { cachedTarget, makeReferenceSignals, makeTargetSignals, openSignals } from "@winnow/training"
import { Effect } from "effect"
import { chunkRows, examples, form, identity, models, plugins, precision, signalsFolder, threads } from "./setting.ts"

await openEngine({ threads })
setPrecision(precision)
const [ofTarget, ofReference] = ["target", "reference"].map((which) => join(signalsFolder!, which)) as [string, string]
const making = { identity, examples, chunkRows }
const target = await models.target()
await Effect.runPromise(makeTargetSignals({ ...making, directory: ofTarget, target, form }))
target.dispose()
// The reference is compared with the cached form of the target, as the draft will be.
const signals = cachedTarget(openSignals(ofTarget, identity, examples), form)
const { loss } = await plugins()
await Effect.runPromise(
  makeReferenceSignals({
    ...making,
    directory: ofReference,
    reference: await models.reference(),
    statistics: ["referenceLoss_N"],
    loss,
    signals: { target: signals },
  }),
)
