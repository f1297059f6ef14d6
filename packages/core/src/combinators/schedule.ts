/** Filters whose options change over the steps of a training. */
import { type } from "arktype"
import { Effect } from "effect"
import type { FilterInstance, FilterUse } from "../filter.ts"
import { filterUse } from "../plugin-use.ts"
import { combined, defineCombinator } from "./combinator.ts"

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

/** The values that are furthest apart: the others lie between. */
const extremesOf = (value: ScheduleValue): ReadonlyArray<number> =>
  value.shape === "pieces" ? value.values : [value.from, value.to]

/** Number of steps in the mean of a schedule. */
const samples = 100
const meanOf = (value: ScheduleValue): number =>
  Array.from({ length: samples }, (_, step) => valueAt(value, step, samples)).reduce((a, b) => a + b) / samples

const withValues = (of: FilterUse<unknown>, values: Readonly<Record<string, number>>) =>
  of.withOptions({ ...(of.options as object), ...values }).instance

/** Hands the memory of an instance to the next one. */
const handOver = (from: FilterInstance, to: FilterInstance): FilterInstance => {
  const saved = from.save()
  if (saved !== null && saved !== undefined) to.restore(saved)
  for (const [name, { read }] of from.tensors ?? []) to.tensors?.get(name)?.write(read())
  return to
}

const move = type({ "[string]": scheduleValue }).narrow(
  (values, ctx) =>
    Object.keys(values).length > 0 || ctx.reject({ expected: "at least one option of the filter", actual: "none" }),
)

/** The plugin behind `schedule`, for settings and configs. */
export const scheduleFilter = defineCombinator({
  name: "schedule",
  options: type({ "+": "reject", of: filterUse, move }),
  keeps: ({ move }, [of]) => (move["k"] === undefined ? of! : meanOf(move["k"])),
  make: ({ of, move }, [first]) =>
    Effect.gen(function* () {
      const moved = Object.entries(move)
      for (const [name, value] of moved)
        for (const extreme of extremesOf(value)) yield* withValues(of, { [name]: extreme })
      let current = first!
      let values = ""
      const at = (step: number, steps: number): FilterInstance => {
        const next = Object.fromEntries(moved.map(([name, value]) => [name, valueAt(value, step, steps)]))
        const text = JSON.stringify(next)
        if (text === values) return current
        values = text
        current = handOver(current, Effect.runSync(withValues(of, next)))
        return current
      }
      return {
        select: (input) => at(input.step, input.steps).select(input),
        save: () => current.save(),
        restore: (state) => current.restore(state),
        before: (step, draft) => current.before?.(step, draft),
        after: (step, draft) => current.after?.(step, draft),
        ...(first!.tensors && {
          tensors: new Map(
            Array.from(first!.tensors, ([name, { shape }]) => [
              name,
              {
                shape,
                read: () => current.tensors!.get(name)!.read(),
                write: (saved) => current.tensors!.get(name)!.write(saved),
              },
            ]),
          ),
        }),
      }
    }),
})

/**
 * A filter with options that change with the step, such as a keep ratio from 1 to 0.2.
 *
 * The filter's memory is kept over the changes.
 *
 * @param move schedules by the names of the options; the option must allow every value
 */
export const schedule = <R>(
  filter: FilterUse<R>,
  move: Readonly<Record<string, typeof scheduleValue.inferIn>>,
): FilterUse<R> => combined(scheduleFilter({ of: filter, move }), filter)
