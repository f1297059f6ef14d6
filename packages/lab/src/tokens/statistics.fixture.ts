/** Statistics of filters on the texts of a page, by the step's own head: the other way to the numbers of a page. */
import { DataError, type FilterInstance } from "@winnow/core"
import { driven } from "@winnow/generation"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { Effect } from "effect"
import { graphOf } from "../../test/graph.ts"
import type { Resolved } from "../experiment/resolved.ts"
import { Families } from "../families.ts"
import { openModel } from "../stages/models.ts"
import { decodingStep } from "../stages/rollouts.ts"
import { makeStore } from "../store/store.ts"
import type { Texts } from "./browser/data.ts"
import { choicesOn } from "./choices.ts"
import { textsOf } from "./texts.ts"

const filter: FilterInstance = {
  name: "every",
  needs: ["draftNll_N", "targetNll_N", "acceptance_N"],
  select: ({ N }) => new Uint8Array(N).fill(1),
  save: () => null,
  restore: () => {},
}

/** The statistics of an arm's trained draft at the tokens of these texts. */
export const probeStatistics = (home: string, resolved: Resolved, name: string, texts: Texts) =>
  Effect.gen(function* () {
    const store = makeStore(home)
    const graph = yield* graphOf(resolved)
    const arm = graph.measured.find((one) => one.name === name)!
    const artifact = ({ kind, key }: { readonly kind: string; readonly key: string }) => {
      const found = store.find(kind, key)
      return found ? Effect.succeed(found) : Effect.fail(new DataError({ message: `no ${kind}` }))
    }
    const draft = yield* Effect.flatMap(artifact(arm.trained), openModel)
    const target = yield* Effect.flatMap(artifact(graph.target), openModel)
    const loss = yield* crossEntropy().instance
    const rollouts = texts.prompts.map((prompt, i) => ({
      prompt: Int32Array.from(prompt),
      tokens: Int32Array.from(texts.tokens.subarray(texts.starts[i]!, texts.starts[i + 1]!)),
      finish: "length" as const,
      limit: 100,
    }))
    const choosing = { draft, target, filter, loss, batchSize: 4, step: 6, steps: 6, seed: 1 }
    return yield* decodingStep("statistics", (signal) => driven(choicesOn(textsOf(rollouts), choosing), signal))
  }).pipe(Effect.scoped, Effect.provideService(Families, resolved.families))
