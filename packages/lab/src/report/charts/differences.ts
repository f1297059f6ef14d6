/** A forest plot: differences with their intervals around 0. */
import {
  type ArmsRun,
  atLevel,
  type Compared,
  comparisonsOf,
  countOf,
  isCompared,
  isShown,
  mainArm,
  meanTotal,
} from "../../record/comparisons.ts"
import { nats, percent, signed } from "../../table/format.ts"
import { faint, ink } from "../colours.ts"
import type { Chart } from "../svg.ts"
import { isWhole, nameAxis, wide } from "./layout.ts"

/** One difference as it is drawn; shares as they are, the axis writes points. */
const rowOf = ({ over, under, difference }: Compared, name: string, run: ArmsRun, level: number) => {
  const { value, low, high, of } = difference
  const scale = of.unit === "%" ? percent : nats
  const wider = atLevel(difference, run.prompts, level)
  const ratio = meanTotal(over, "flops") / meanTotal(under, "flops")
  return {
    name,
    value: value!,
    low: low!,
    high: high!,
    lowAll: wider?.low ?? low!,
    highAll: wider?.high ?? high!,
    shown: isShown(difference) ? "yes" : "no",
    text: `${signed(value!, scale)}  [${signed(low!, scale)}, ${signed(high!, scale)}]`,
    cost: Math.abs(Math.log(ratio)) < Math.log(1.03) ? "same compute" : `${ratio.toPrecision(2)} x FLOPs`,
  }
}

/**
 * Each comparison that is concluded from: thick the 95 % interval, thin the one that is widened so that all hold together; dark where 0 is
 * outside of the 95 % one. Undefined without comparisons.
 */
export const differencesChart = (run: ArmsRun): Chart | undefined => {
  const { withBaseline, ofMain } = comparisonsOf(run)
  const main = mainArm(run)?.name
  const isMain = ({ over }: Compared) => over.name === main
  const whole = (all: ReadonlyArray<Compared>) =>
    all.filter(({ difference }) => isWhole(difference) && isCompared(difference))
  const first = whole([...withBaseline.filter(isMain), ...ofMain])
  const second = whole(withBaseline.filter((compared) => !isMain(compared)))
  const level = 1 - 0.05 / Math.max(1, countOf([...first, ...second]))
  const panels = [
    { title: `${main} minus each other arm`, rows: first.map((c) => rowOf(c, c.under.name, run, level)) },
    {
      title: `each other arm minus ${run.baseline}, the baseline`,
      rows: second.map((c) => rowOf(c, c.over.name, run, level)),
    },
  ].filter(({ rows }) => rows.length > 0)
  if (panels.length === 0) return undefined
  const all = panels.flatMap(({ rows }) => rows)
  const [low, high] = [Math.min(0, ...all.map((r) => r.lowAll)), Math.max(0, ...all.map((r) => r.highAll))]
  const room = 0.04 * (high - low)
  const width = wide - 150
  const color = {
    field: "shown",
    type: "nominal",
    scale: { domain: ["yes", "no"], range: [ink, faint] },
    legend: null,
  } as const
  const { name, unit } = run.concluded[0]!
  const labelExpr =
    unit === "%" ? "datum.value === 0 ? '0' : format(datum.value * 100, '+.1~f')" : "format(datum.value, '+.3~f')"
  const column = (field: string, right: number) => ({
    mark: { type: "text", align: "right", fontSize: 11 },
    encoding: { x: { value: width + right }, text: { field }, color },
  })
  return {
    vconcat: panels.map(({ title, rows }, i) => {
      const x = (field: string) => ({
        field,
        type: "quantitative",
        scale: { domain: [low - room, high + room], nice: false },
        axis: { labelExpr, tickCount: 9 },
        title: i === panels.length - 1 ? (unit === "%" ? `points of ${name}` : name) : null,
      })
      return {
        title,
        width: width - 190,
        height: { step: 24 },
        data: { values: rows },
        encoding: { y: nameAxis(rows.map((r) => r.name)) },
        layer: [
          {
            mark: { type: "rule", color: "#7b8794", strokeDash: [3, 3] },
            data: { values: [{ zero: 0 }] },
            encoding: { x: x("zero"), y: null },
          },
          { mark: { type: "rule", strokeWidth: 1 }, encoding: { x: x("lowAll"), x2: { field: "highAll" }, color } },
          {
            mark: { type: "rule", strokeWidth: 4, opacity: 0.75 },
            encoding: { x: x("low"), x2: { field: "high" }, color },
          },
          {
            mark: { type: "point", filled: true, size: 60, opacity: 1, stroke: "white", strokeWidth: 1 },
            encoding: { x: x("value"), color },
          },
          column("text", -70),
          column("cost", 20),
        ],
      }
    }),
    spacing: 18,
  } as unknown as Chart
}
