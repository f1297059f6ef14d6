/** The baseline of a run, by hand. */
import { expect, test } from "bun:test"
import type { Settled } from "../settle.ts"
import { baselineOf } from "./baseline.ts"

const arm = (name: string, ...scores: ReadonlyArray<number | null>) => ({
  name,
  tried: scores.map((score, i) => ({ name: `${i}`, set: { rate: i }, score, rung: i < 2 ? 0 : 1 })),
  chosen: { rate: scores.length - 1 },
  edges: [],
})
const of = (
  against: ReadonlyArray<string>,
  better: "higher" | "lower",
  ...searched: ReadonlyArray<ReturnType<typeof arm>>
) =>
  baselineOf({
    arms: ["a", "b", "c"].map((name) => ({ name })),
    against,
    sweep: { better, arms: searched },
  } as unknown as Settled)

test("the first arm, the named one, the best of several; of equal scores the first, without scores too", () => {
  expect(of([], "higher")).toBe("a")
  expect(of(["b"], "higher")).toBe("b")
  expect(of(["b", "c"], "higher", arm("b", 0.2, 0.4), arm("c", 0.3, 0.5))).toBe("c")
  expect(of(["b", "c"], "lower", arm("b", 0.2, 0.4), arm("c", 0.3, 0.5))).toBe("b")
  expect(of(["b", "c"], "higher", arm("b", 0.4), arm("c", 0.4))).toBe("b")
  expect(of(["b", "c"], "higher", arm("b", null), arm("c", null))).toBe("b")
  expect(of(["b", "c"], "higher", arm("b", null), arm("c", 0.1))).toBe("c")
  // The score of the last rung counts, not that of a part of the training.
  expect(of(["b", "c"], "higher", arm("b", 0.9, 0.1, 0.3), arm("c", 0.2, 0.2, 0.4))).toBe("c")
  expect(baselineOf({ arms: [{ name: "a" }], against: [], sweep: null } as unknown as Settled)).toBe("a")
})
