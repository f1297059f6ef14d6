/** Answers to the calls that computations ask for: one at a time, or those of several texts in one pass over the weights. */
import type { Asking, Choices, DistributionRows, ModelCall, QuickDecoding, Sampling } from "@winnow/core"
import { choicesAfter, distributionsAfter, distributionsOf, withIds } from "./what-follows.ts"

type Answer = Choices | DistributionRows

/** Asks for choices. */
export function* askChoices(call: Omit<ModelCall, "of">, margins: boolean): Asking<Choices> {
  return (yield { ...call, of: { margins } }) as Choices // the answer to a call without sampling
}

/** Asks for distributions; they are void once the decoding state is used again. */
export function* askDistributions(call: Omit<ModelCall, "of">, sampling: Sampling): Asking<DistributionRows> {
  return (yield { ...call, of: { sampling } }) as DistributionRows // the answer to a call with sampling
}

const answer = ({ model, decoding, ids, rows, of, parents }: ModelCall): Answer =>
  "sampling" in of
    ? distributionsAfter(model, decoding, ids, 1, rows, of.sampling, parents)
    : choicesAfter(model, decoding, ids, 1, rows, of.margins, parents)

/** Runs a computation to its end, and answers its calls one at a time. */
export const answered = <A>(asking: Asking<A>): A => {
  let step = asking.next(undefined as never) // a generator does not see the first value
  while (!step.done) step = asking.next(answer(step.value))
  return step.value
}

const rowsFrom = ({ at, best }: DistributionRows, first: number): DistributionRows => ({
  at: (r) => at(first + r),
  ...(best && { best: (r: number, count: number) => best(first + r, count) }),
})

const allAtOnce = (
  calls: ReadonlyArray<ModelCall>,
  { greedy, logits }: Required<QuickDecoding>["together"],
): ReadonlyArray<Answer> => {
  const { model, of } = calls[0]!
  const first: Array<number> = []
  let rows = 0
  for (const call of calls) {
    first.push(rows)
    rows += call.rows
  }
  if ("sampling" in of) {
    const all = distributionsOf(model, logits(calls), of.sampling)
    return first.map((row) => rowsFrom(all, row))
  }
  const margins = calls.some((call) => "margins" in call.of && call.of.margins)
  const { argmax, margin } = withIds(model, greedy(calls, margins))
  const part = (xs: ArrayLike<number>, i: number) =>
    Array.from({ length: calls[i]!.rows }, (_, r) => xs[first[i]! + r]!)
  return calls.map((_, i) => ({ argmax: part(argmax, i), margin: margin.length === 0 ? [] : part(margin, i) }))
}

const joins = ({ decoding, parents }: ModelCall): boolean =>
  parents === undefined && decoding.quick?.together !== undefined

/**
 * Answers calls on one model that all ask for choices, or all for distributions of one sampling; natively in one call, else
 * one at a time. Choices of all may have margins if one asks for them, as where a model drafts for itself.
 *
 * @returns the answers in the order of the calls, those with distributions void once a state of the calls is used again or
 *   disposed
 */
export const answersTogether = (calls: ReadonlyArray<ModelCall>): ReadonlyArray<Answer> => {
  const together = calls[0]?.decoding.quick?.together
  return calls.length > 1 && together !== undefined && calls.every(joins)
    ? allAtOnce(calls, together)
    : calls.map(answer)
}
