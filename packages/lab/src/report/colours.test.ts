/** Colours of arms: apart from one another on light and on dark pages. */
import { expect, test } from "bun:test"
import { onDark, rim, rowColours } from "./colours.ts"

/** Oklab (Ottosson 2020): distances in it are those that a reader sees, 1 from black to white. */
const oklab = (hex: string) => {
  const [r, g, b] = [1, 3, 5]
    .map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)) as [number, number, number]
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ] as const
}
const apart = (a: string, b: string) => Math.hypot(...oklab(a).map((x, i) => x - oklab(b)[i]!))

const arms = Array.from({ length: 8 }, (_, i) => ({ name: `arm-${i}`, role: "arm" as const }))
const { range } = rowColours({ rows: arms })
const dark = (colour: string) => onDark[colour] ?? colour

test.each([
  ["light", range, rim],
  ["dark", range.map(dark), dark(rim)],
] as const)("no two of eight arms look alike on a %s page, and none like the page", (_, colours, page) => {
  const pairs = colours.flatMap((a, i) => colours.slice(i + 1).map((b) => [a, b, apart(a, b)] as const))
  expect(pairs.filter(([, , distance]) => distance < 0.11)).toEqual([])
  expect(colours.filter((colour) => apart(colour, page) < 0.25)).toEqual([])
})

test("rows that are no arms share a grey, and their lines have dashes of their own", () => {
  const others = ["start", "reference", "capacity"].map((name) => ({ name, role: "start" as const }))
  const look = rowColours({ rows: [...arms.slice(0, 2), ...others] })
  expect(new Set(look.range.slice(2)).size).toBe(1)
  expect(new Set(look.dashes.slice(2)).size).toBe(3)
})
