/** Ways to colour tokens: each gives every token of an arm a class, and a legend. */
import { noRole, roles } from "../constants.ts"
import type { Arm, Page, Snapshot, Texts } from "./data.ts"

/** Steps of a scale of colours. */
export const shades = 9

/** A view. */
export interface View {
  readonly key: string
  readonly title: string
  readonly kind: "kept" | "decoding" | "scale"
  /** The numbers behind a scale; null where the arm has none at this moment. */
  readonly values: (texts: Texts, arm: Arm, snapshot: Snapshot) => ArrayLike<number> | null
  /** Fixed ends of a scale; left out: the middle 98 % of the values that are shown. */
  readonly ends?: readonly [low: number, high: number]
  /** True if small numbers have the strong colours. */
  readonly reversed?: boolean
}

const nothing = () => null

const statisticTitle = (name: string) =>
  name.replace(/_N$/, "").replaceAll(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`)

/** Names of numbers of a token that plots and scales share, in their order. */
export const scalesOf = (page: Page, texts: Texts): ReadonlyArray<View> => {
  const { arms } = texts
  const names = new Set(arms.flatMap(({ snapshots }) => snapshots.flatMap(({ statistics }) => [...statistics.keys()])))
  const any = (has: (snapshot: Snapshot) => unknown) => arms.some(({ snapshots }) => snapshots.some((one) => has(one)))
  const scale = (key: string, title: string, values: View["values"], more: Partial<View> = {}): View => ({
    ...{ key, title, kind: "scale", values },
    ...more,
  })
  return [
    ...(any(({ draft }) => draft)
      ? [scale("draft", "loss of the draft", (_, __, { draft }) => draft?.nll ?? null)]
      : []),
    ...(texts.target ? [scale("target", "loss of the target", ({ target }) => target!.nll)] : []),
    ...(arms.some(({ reference }) => reference)
      ? [scale("reference", "loss of the reference", (_, { reference }) => reference)]
      : []),
    ...(any(({ acceptance }) => acceptance)
      ? [
          scale("acceptance", "expected acceptance", (_, __, { acceptance }) => acceptance, {
            ends: [0, 1],
            reversed: true,
          }),
        ]
      : []),
    ...Array.from(names, (name) =>
      scale(
        `filter:${name}`,
        `filter: ${statisticTitle(name)}`,
        (_, __, { statistics }) => statistics.get(name) ?? null,
        {
          ...(page.meanings.get(name)?.endsWith("0 to 1") && { ends: [0, 1] as const }),
        },
      ),
    ),
    ...(any(({ score }) => score) ? [scale("score", "filter: score", (_, __, { score }) => score)] : []),
  ]
}

/** The views of a set of texts. */
export const viewsOf = (page: Page, texts: Texts): ReadonlyArray<View> => [
  ...(texts.arms.some(({ snapshots }) => snapshots.some(({ kept }) => kept))
    ? [{ key: "kept", title: "kept, dropped", kind: "kept", values: nothing } as const]
    : []),
  ...(texts.arms.some(({ decoding }) => decoding)
    ? [{ key: "decoding", title: "accepted, rejected", kind: "decoding", values: nothing } as const]
    : []),
  ...scalesOf(page, texts),
]

/** The ends of a scale over several arrays: the middle 98 % of the finite values. */
export const endsOf = (arrays: ReadonlyArray<ArrayLike<number>>): readonly [low: number, high: number] => {
  const values = Float64Array.from(arrays.flatMap((array) => Array.from(array).filter(Number.isFinite))).sort()
  if (values.length === 0) return [0, 1]
  const at = (part: number) => values[Math.min(values.length - 1, Math.floor(part * values.length))]!
  const [low, high] = [at(0.01), at(0.99)]
  return high > low ? [low, high] : [low, low + 1]
}

/** The shade of a number, 0 to `shades` - 1; -1 for none. */
export const shadeOf = (value: number, [low, high]: readonly [number, number], reversed = false): number => {
  if (Number.isNaN(value)) return -1
  const part = Math.min(1, Math.max(0, (value - low) / (high - low)))
  return Math.min(shades - 1, Math.floor((reversed ? 1 - part : part) * shades))
}

/** The class of each token of an arm in a view. */
export const classesOf = (
  view: View,
  texts: Texts,
  arm: Arm,
  snapshot: Snapshot,
  ends: readonly [number, number],
): ReadonlyArray<string> => {
  const all = (of: (n: number) => string) => Array.from({ length: texts.N }, (_, n) => of(n))
  if (view.kind === "kept") {
    const { kept } = snapshot
    return all((n) => (kept === null ? "t-unknown" : kept[n] ? "t-kept" : "t-dropped"))
  }
  if (view.kind === "decoding") {
    const { decoding } = arm
    return all((n) => `t-${roles[decoding?.role[n] ?? noRole] ?? "unknown"}`)
  }
  const values = view.values(texts, arm, snapshot)
  return all((n) => {
    const shade = values === null ? -1 : shadeOf(values[n]!, ends, view.reversed)
    return shade < 0 ? "t-unknown" : `t-shade q${shade}`
  })
}

/** A number of a token. */
export const figureText = (value: number | undefined): string => {
  if (value === undefined || Number.isNaN(value)) return "–"
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞"
  const size = Math.abs(value)
  const text =
    size >= 100
      ? value.toFixed(0)
      : size >= 10
        ? value.toFixed(1)
        : size >= 1 || size === 0
          ? value.toFixed(2)
          : value.toFixed(3)
  return text.replace("-", "−")
}
