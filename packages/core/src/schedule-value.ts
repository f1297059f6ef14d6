/** Numbers that change over the steps of a training, as settings. */
import { type } from "arktype"
import { temperature } from "./numbers.ts"

const fraction = "0 <= number <= 1"

/** A number that changes over the steps, as plain JSON. */
export const scheduleValue = type({
  "+": "reject",
  // Along a line, or half a cosine: slow, fast, slow.
  shape: "'linear' | 'cosine'",
  from: "number",
  to: "number",
  // Parts of the steps at which the change begins and ends.
  start: `${fraction} = 0`,
  end: `${fraction} = 1`,
})
  .narrow(({ start, end }, ctx) => start <= end || ctx.reject({ expected: "a start that is not after the end" }))
  .or({
    "+": "reject",
    // One value after another, each for as many steps.
    shape: "'pieces'",
    values: type("number").array().atLeastLength(1),
  })
export type ScheduleValue = typeof scheduleValue.infer

/** From one value to another along a line, between two parts of the steps (0 to 1). */
export const linear = (from: number, to: number, part: { readonly start?: number; readonly end?: number } = {}) =>
  ({ shape: "linear", from, to, ...part }) as const
/** From one value to another along half a cosine, between two parts of the steps (0 to 1). */
export const cosine = (from: number, to: number, part: { readonly start?: number; readonly end?: number } = {}) =>
  ({ shape: "cosine", from, to, ...part }) as const
/** One value after another, each for as many steps. */
export const pieces = (...values: Array<number>) => ({ shape: "pieces" as const, values })

/** The value at a step, from 0 on, of a training with this number of steps. */
export const valueAt = (value: ScheduleValue, step: number, steps: number): number => {
  if (value.shape === "pieces")
    return value.values[Math.min(value.values.length - 1, Math.floor((step / steps) * value.values.length))]!
  const { from, to, start, end } = value
  const done = steps > 1 ? step / (steps - 1) : 1
  const t = done <= start ? 0 : done >= end ? 1 : (done - start) / (end - start)
  return from + (to - from) * (value.shape === "linear" ? t : (1 - Math.cos(Math.PI * t)) / 2)
}

/** The values of a schedule that are furthest apart: the others lie between. */
export const extremesOf = (value: ScheduleValue): ReadonlyArray<number> =>
  value.shape === "pieces" ? value.values : [value.from, value.to]

/** Temperatures that change over the steps; each as `temperature` allows. */
export const temperatureSchedule = scheduleValue.narrow(
  (value, ctx) =>
    extremesOf(value).every((t) => temperature.allows(t)) ||
    ctx.reject({ expected: "temperatures from 0.0001 to 10000", actual: extremesOf(value).join(", ") }),
)
