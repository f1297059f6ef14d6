/** The laws of filters of examples catch filters that break them. */
import { expect, test } from "bun:test"
import { type Choose, defineFilter } from "@winnow/core"
import { type } from "arktype"
import { checkExamples } from "./check-examples.ts"
import { LawBroken } from "./law.ts"

const suspect = (choose: unknown) =>
  defineFilter({
    name: "suspect",
    of: "examples",
    needs: ["draftNll_N"],
    options: type({ "+": "reject" }),
    make: () => choose as Choose<"draftNll_N">,
  })()
const hard: Choose<"draftNll_N"> = ({ draftNll_E }) =>
  Uint8Array.from(draftNll_E, (x) => Number(x >= Math.max(...draftNll_E)))

test("a filter that keeps the laws passes", () => checkExamples(suspect(hard), { kept: () => 1 }))

let calls = 0
const cases: ReadonlyArray<[law: string, choose: unknown]> = [
  ["type", ({ E }: { E: number }) => new Array(E).fill(1)],
  ["length", ({ E }: { E: number }) => new Uint8Array(E + 1).fill(1)],
  ["choices", ({ E }: { E: number }) => new Uint8Array(E).fill(2)],
  ["keeps something", ({ E }: { E: number }) => new Uint8Array(E)],
  ["needs", ({ targetNll_E }: { targetNll_E: Float32Array }) => Uint8Array.from(targetNll_E, () => 1)],
  [
    "deterministic",
    ({ E }: { E: number }) => Uint8Array.from({ length: E }, (_, e) => Number(e === 0 || ++calls % 3 === 0)),
  ],
  ["input untouched", ({ draftNll_E }: { draftNll_E: Float32Array }) => Uint8Array.from(draftNll_E.fill(0), () => 1)],
  ["throws nothing", () => JSON.parse("{")],
]
for (const [law, choose] of cases)
  test(law, async () => {
    const error = await checkExamples(suspect(choose)).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(LawBroken)
    expect((error as LawBroken).law).toBe(law)
  })

test("a number that is claimed and not kept", async () => {
  await expect(checkExamples(suspect(hard), { kept: (E) => E })).rejects.toThrow("kept 1, claimed 2")
})
