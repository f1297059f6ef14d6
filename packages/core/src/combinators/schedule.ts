/** Filters whose options change over the steps of a training. */
import { type } from "arktype"
import { Effect } from "effect"
import type { FilterInstance, FilterUse } from "../filter.ts"
import { filterUse } from "../plugin-use.ts"
import { extremesOf, type ScheduleValue, scheduleValue, valueAt } from "../schedule-value.ts"
import { combined, defineCombinator } from "./combinator.ts"

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
