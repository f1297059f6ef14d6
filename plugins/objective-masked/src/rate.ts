/** The share of tokens that is masked, by step: one number, a straight line, or phases. */
import { type } from "arktype"

const rate = type("0 < number <= 1")

/**
 * One rate; a straight line from the first step to the last; or phases, each up to a share of the steps, the last up to 1.
 */
export const rateOption = rate.or({ "+": "reject", from: rate, to: rate }).or({
  "+": "reject",
  phases: type({ "+": "reject", until: "0 < number <= 1", rate })
    .array()
    .atLeastLength(1)
    .narrow((phases, ctx) =>
      phases.every(({ until }, i) => until > (phases[i - 1]?.until ?? 0)) && phases.at(-1)!.until === 1
        ? true
        : ctx.reject({
            expected: "phases whose ends ascend to 1",
            actual: phases.map(({ until }) => until).join(", "),
          }),
    ),
})

export type MaskRate = typeof rateOption.infer

/** The rate at step t of T, both counted from 0. Step t lies at the share t / T of the steps. */
export const rateAt = (rate: MaskRate, { step, steps }: { readonly step: number; readonly steps: number }): number => {
  if (typeof rate === "number") return rate
  if ("phases" in rate) return (rate.phases.find(({ until }) => step < until * steps) ?? rate.phases.at(-1)!).rate
  const done = steps > 1 ? Math.min(1, step / (steps - 1)) : 0
  return rate.from * (1 - done) + rate.to * done
}

/** The mean over all steps. */
export const meanRate = (rate: MaskRate): number => {
  if (typeof rate === "number") return rate
  if ("phases" in rate)
    return rate.phases.reduce((sum, { until, rate: of }, i) => sum + of * (until - (rate.phases[i - 1]?.until ?? 0)), 0)
  return (rate.from + rate.to) / 2
}
