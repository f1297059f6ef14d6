/** A colour for each arm, the same in every chart: Okabe and Ito's set, which colour-blind readers can tell apart. */

const colours = ["#3b4754", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31"]

/** The scale of a chart: arms in their order. */
export const armColours = (arms: ReadonlyArray<string>) => ({
  domain: [...arms],
  range: arms.map((_, i) => colours[i % colours.length]!),
})
