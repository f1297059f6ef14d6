import { expect, test } from "bun:test"
import { onceInProcess } from "./once-in-process.ts"

test("a value is made once for its key, also where it is undefined", () => {
  let made = 0
  const of = (key: string) => onceInProcess(key, () => (made++ === 0 ? undefined : { made }))
  expect([of("once a"), of("once a"), made]).toEqual([undefined, undefined, 1])
  const b = of("once b")
  expect(b).toEqual({ made: 2 })
  expect(of("once b")).toBe(b)
})
