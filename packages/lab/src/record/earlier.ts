/**
 * Converts records of earlier forms to the form of this version: fields that they lack are null, empty, or computed
 * from other fields. Reads records of schema 2, and of schema 3 with a search for learning rates only.
 */
import { isNode } from "../experiment/registry.ts"
import { currentSchema } from "./schema.ts"

type Node = Readonly<Record<string, unknown>>

const listOf = (value: unknown): ReadonlyArray<Node> => (Array.isArray(value) ? value.filter(isNode) : [])

/** The errors of a schema 2 difference. Schema 2 wrote no noise; a noise of 0 gives the same interval. */
const errorsOf = (written: unknown) => (isNode(written) ? { noise: 0, ...written } : null)

const isInterval = (node: Node): boolean => ["value", "low", "high"].every((key) => key in node)

/** Adds to every interval in the tree the fields that schema 3 writes about intervals. */
const withMaking = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withMaking)
  if (!isNode(value)) return value
  const inner = Object.fromEntries(Object.entries(value).map(([key, of]) => [key, withMaking(of)]))
  return isInterval(value) ? { ...inner, errors: errorsOf(value["errors"]), cut: false, floor: false } : inner
}

/** A budget of schema 2 has no passes, and a timing no ratios. */
const rowOf = (row: Node): Node => ({
  ...row,
  budget: listOf(row["budget"]).map((budget) => ({
    ...budget,
    arm: isNode(budget["arm"]) ? { passes: null, ...budget["arm"] } : budget["arm"],
    reference: isNode(budget["reference"]) ? { passes: null, ...budget["reference"] } : budget["reference"],
  })),
  seeds: listOf(row["seeds"]).map((seed) => ({
    ...seed,
    timing: isNode(seed["timing"]) ? { ratios: [], ...seed["timing"] } : seed["timing"],
  })),
})

/**
 * The arm that a record of schema 2 is about, by its rows and its config: the first that drops tokens by a reference,
 * else the first that drops any; never a control.
 */
const aboutOf = (rows: ReadonlyArray<Node>, config: unknown): string | null => {
  const arms = isNode(config) && isNode(config["arms"]) ? config["arms"] : {}
  const isControl = ({ name, filter }: Node): boolean => {
    const arm = Object.hasOwn(arms, String(name)) ? arms[String(name)] : undefined
    const { name: filterName, options } = isNode(filter) ? filter : ({} as Node)
    return (
      (isNode(arm) && arm["shuffleReference"] === true) ||
      filterName === "random" ||
      (isNode(options) && options["order"] === "bottom")
    )
  }
  const dropsTokens = (row: Node): boolean =>
    listOf(row["budget"]).some(({ arm }) => isNode(arm) && Number(arm["tokensTrained"]) < Number(arm["tokensValid"]))
  const selective = rows.filter((row) => row["role"] === "arm" && dropsTokens(row) && !isControl(row))
  const choice = selective.find((row) => row["reference"] !== null && row["from"] === "start") ?? selective[0]
  return choice === undefined ? null : String(choice["name"])
}

/** A search for learning rates, by greedy acceptance, as a search for settings. */
const sweepOf = ({ learningRates, arms, ...rest }: Node): Node => {
  const set = (rate: unknown) => ({ "optimizer.learningRate": rate })
  return {
    ...rest,
    by: "greedyAcceptance",
    better: "higher",
    over: set(learningRates),
    arms: listOf(arms).map(({ name, tried, chosen, atEdge }) => ({
      name,
      tried: listOf(tried).map(({ learningRate, greedyAcceptance }) => ({
        name: `rate ${learningRate}`,
        set: set(learningRate),
        score: greedyAcceptance,
      })),
      chosen: set(chosen),
      edges: atEdge === true ? ["optimizer.learningRate"] : [],
    })),
  }
}

const withSweep = ({ tuning, ...record }: Node): Node => ({
  ...record,
  ...(Object.hasOwn(record, "sweep") ? {} : { sweep: isNode(tuning) ? sweepOf(tuning) : null }),
})

/** A record in the form of this version; a record of a schema other than 2 or 3 stays as it is. */
export const inCurrentForm = (json: unknown): unknown => {
  if (!isNode(json)) return json
  if (json["schema"] === 2) return withSweep(fromSchema2(json))
  return json["schema"] === 3 ? withSweep(json) : json
}

const fromSchema2 = (json: Node): Node => {
  const rows = listOf(json["rows"]).map(rowOf)
  const conclusions = Array.isArray(json["conclusions"]) ? json["conclusions"] : []
  return {
    ...json,
    schema: currentSchema,
    rows: withMaking(rows),
    differences: withMaking(json["differences"]),
    capacity: withMaking(json["capacity"]),
    about: aboutOf(rows, json["config"]),
    primary: "greedy",
    verdict: String(conclusions[0] ?? ""),
    counts: null,
    weights: [],
    stages: listOf(json["stages"]).map((stage) => ({ ...stage, commit: null, code: null })),
  }
}
