/** A Vega-Lite chart as SVG text, without a browser. */
import { parse, View } from "vega"
import { compile, type TopLevelSpec } from "vega-lite"

const font = "Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif"
const ink = "#1f2933"
const faint = "#7b8794"

/** One look for all charts: thin axes, a light grid, no frame. */
const look = {
  background: "transparent",
  font,
  padding: 4,
  view: { stroke: null },
  axis: {
    domainColor: "#cbd2d9",
    tickColor: "#cbd2d9",
    gridColor: "#eef1f4",
    labelColor: faint,
    labelFontSize: 11,
    titleColor: ink,
    titleFontSize: 11,
    titleFontWeight: 500,
    titlePadding: 8,
  },
  header: { labelColor: ink, labelFontSize: 12, labelFontWeight: 600, title: null },
  legend: { labelColor: ink, labelFontSize: 11, titleColor: faint, titleFontSize: 11, symbolStrokeWidth: 2.5 },
  title: { color: ink, fontSize: 13, fontWeight: 600, anchor: "start" },
} as const

/** A chart without schema, look and font: these are the same for all. */
export type Chart = Omit<TopLevelSpec, "$schema" | "config">

/** Renders a chart. */
export const svgOf = async (chart: Chart): Promise<string> => {
  const { spec } = compile({ ...chart, config: look } as unknown as TopLevelSpec)
  const view = new View(parse(spec), { renderer: "none" })
  const svg = await view.toSVG()
  view.finalize()
  return svg
}
