/** Round numbers of an axis, and the border of a selection in a plane. */
import type { Arm, Snapshot } from "./data.ts"

/** Round numbers of an axis, at most about six. */
export const ticksOf = (low: number, high: number): ReadonlyArray<number> => {
  const rough = (high - low) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough)!
  const ticks: Array<number> = []
  for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1e6; tick += step)
    ticks.push(Math.abs(tick) < step / 1e6 ? 0 : tick)
  return ticks
}

/**
 * The border of a ranked selection in the plane of x and y: a line y = slope x + height, or x = height where slope is
 * infinite; one for each batch, as the filter decides in each. Empty where the score is none of y - x, y, x.
 */
export const bordersOf = (
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  { score, kept }: Pick<Snapshot, "score" | "kept">,
  { batchSize }: Pick<Arm, "batchSize">,
  starts: ReadonlyArray<number>,
): ReadonlyArray<{ readonly slope: number; readonly height: number }> => {
  if (score === null || kept === null) return []
  const forms = [
    { slope: 1, of: (n: number) => y[n]! - x[n]! },
    { slope: 0, of: (n: number) => y[n]! },
    { slope: Number.POSITIVE_INFINITY, of: (n: number) => x[n]! },
  ]
  const places = Array.from(kept.keys()).filter((n) => Number.isFinite(score[n]!))
  const size = Math.max(1e-6, ...places.map((n) => Math.abs(score[n]!)))
  const form = forms.find(({ of }) => places.every((n) => Math.abs(of(n) - score[n]!) <= 1e-4 * size))
  if (form === undefined || places.length === 0) return []
  const borders: Array<{ slope: number; height: number }> = []
  for (let first = 0; first < starts.length - 1; first += batchSize) {
    const end = starts[Math.min(starts.length - 1, first + batchSize)]!
    const batch = places.filter((n) => n >= starts[first]! && n < end)
    const [inside, outside] = [batch.filter((n) => kept[n]), batch.filter((n) => !kept[n])].map((of) =>
      of.map((n) => score[n]!),
    )
    if (inside!.length === 0 || outside!.length === 0) continue
    const isTop = Math.min(...inside!) >= Math.max(...outside!)
    borders.push({ slope: form.slope, height: isTop ? Math.min(...inside!) : Math.max(...inside!) })
  }
  return borders
}
