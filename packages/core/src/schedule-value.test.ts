import { expect, test } from "bun:test"
import { type } from "arktype"
import { cosine, linear, pieces, type ScheduleValue, temperatureSchedule, valueAt } from "./schedule-value.ts"

test("values move between two parts of the steps", () => {
  const at = (value: ScheduleValue, steps: number) => Array.from({ length: steps }, (_, i) => valueAt(value, i, steps))
  const part = { start: 0, end: 1 }
  expect(at({ ...linear(1, 0), ...part }, 5)).toEqual([1, 0.75, 0.5, 0.25, 0])
  expect(at({ ...linear(0, 1), start: 0.25, end: 0.75 }, 5)).toEqual([0, 0, 0.5, 1, 1])
  expect(at({ ...linear(0, 1), start: 0.5, end: 0.5 }, 5)).toEqual([0, 0, 0, 1, 1])
  expect(at({ ...cosine(0, 2), ...part }, 3)).toEqual([0, expect.closeTo(1), 2])
  expect(at(pieces(3, 1, 2), 7)).toEqual([3, 3, 3, 1, 1, 2, 2])
  expect(at({ ...linear(1, 0.5), ...part }, 1)).toEqual([0.5])
})

test("a schedule of temperatures is refused if one of them is", () => {
  for (const allowed of [linear(1, 0.0001), pieces(2, 0.5)])
    expect(temperatureSchedule(allowed)).not.toBeInstanceOf(type.errors)
  for (const refused of [linear(1, 0), linear(1, 0.00001), cosine(-1, 1), pieces(1, 20_000)])
    expect(String(temperatureSchedule(refused))).toContain("temperatures from 0.0001 to 10000")
})
