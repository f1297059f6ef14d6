/**
 * The splits of a data set's repository by the names of its files, or by the `configs` at the top of its README.md: the
 * rules of the hub (https://huggingface.co/docs/hub/datasets-data-files-configuration).
 */
import { cut } from "@winnow/core"
import { type } from "arktype"

/** Splits by their names in the repository; files in the order in which they are read. */
export interface Layout {
  readonly splits: ReadonlyMap<string, ReadonlyArray<string>>
  /** The chosen part of the repository; undefined where it has one part. */
  readonly subset: string | undefined
  readonly licence: string | undefined
}

/** Formats by the endings of names, before .gz and .zst; on a tie of numbers the first is read. */
const formats: ReadonlyArray<readonly [format: string, ending: RegExp]> = [
  ["parquet", /\.parquet$/i],
  ["jsonl", /\.jsonl?(\.gz|\.zst)?$/i],
  ["csv", /\.(csv|tsv)(\.gz|\.zst)?$/i],
]

/** Files of JSON beside the data of many repositories. */
const descriptions = new Set(["config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json"])

const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1)
const formatOf = (path: string) =>
  descriptions.has(nameOf(path)) ? undefined : formats.find(([, ending]) => ending.test(path))?.[0]

/** Files and folders whose name begins with a point or with two underscores are no data. */
const isHidden = (path: string) => path.split("/").some((part) => part.startsWith(".") || part.startsWith("__"))

const words: ReadonlyArray<readonly [split: string, words: string]> = [
  ["train", "train|training"],
  ["validation", "validation|valid|dev|val"],
  ["test", "test|testing|eval|evaluation"],
]
/** A word of a split as a part of a name: other letters are separated from it. */
const inName = (word: string, end: string) => new RegExp(`^(.*[-._ 0-9])?(${word})([-._ 0-9].*)${end}$`)
const inFolder = words.map(([split, word]) => [split, inName(word, "?")] as const)
const inFile = words.map(([split, word]) => [split, inName(word, "")] as const)
const sharded = /^data\/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}[^/]*\.[^/]*$/

type Splits = Map<string, ReadonlyArray<string>>

/** Splits that are folders beside each other. @error (thrown) where each of several folders has splits of its own */
const inOnePlace = (splits: Splits): Splits => {
  const places = new Set(
    [...splits.values()].flat().map((file) => {
      const parts = file.split("/").slice(0, -1)
      return parts
        .slice(
          0,
          parts.findIndex((part) => inFolder.some(([, rule]) => rule.test(part))),
        )
        .join("/")
    }),
  )
  if (places.size === 1) return splits
  throw new Error(
    `it has splits in several folders; set subset to one of ${list([...places].map((name) => name || "."))}`,
  )
}

/** The splits that files name, by the first rule that finds one: shards in data/, folders, files, else all are training. */
const byNames = (files: ReadonlyArray<string>): Splits => {
  const shards = Map.groupBy(
    files.filter((file) => sharded.test(file)),
    (file) => sharded.exec(file)![1]!,
  )
  if (shards.size > 0) return shards
  const matching = (
    rules: ReadonlyArray<readonly [split: string, rule: RegExp]>,
    parts: (file: string) => ReadonlyArray<string>,
  ): Splits =>
    new Map(
      rules
        .map(([split, rule]) => [split, files.filter((file) => parts(file).some((part) => rule.test(part)))] as const)
        .filter(([, found]) => found.length > 0),
    )
  const folders = matching(inFolder, (file) => file.split("/").slice(0, -1))
  if (folders.size > 0) return inOnePlace(folders)
  const names = matching(inFile, (file) => [nameOf(file)])
  return names.size > 0 ? names : new Map(files.length > 0 ? [["train", files]] : [])
}

const paths = type("string").or("string[]")
const config = type({
  config_name: "string",
  "default?": "boolean",
  "data_dir?": "string",
  "data_files?": paths.or(type({ split: "string", path: paths }).array()),
})
type Config = typeof config.infer
const front = type({ "configs?": config.array(), "license?": "string | string[]" })

/** The head of a README.md, between lines of three hyphens. @error (thrown) for a head that is no YAML, or has configs of another form */
const frontMatter = (readme: string): typeof front.infer => {
  const head = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---\s*(?:\r?\n|$)/.exec(readme)?.[1]
  if (head === undefined) return {}
  let value: unknown
  try {
    value = Bun.YAML.parse(head) ?? {}
  } catch (error) {
    throw new Error(`the head of its README.md is no YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
  const valid = front(value)
  if (valid instanceof type.errors) throw new Error(`the head of its README.md: ${valid.summary}`)
  return valid
}

const list = (names: Iterable<string>) => cut([...names].join(", "), 200) || "none"

/** The files of a config's folder, with their paths in it. */
const within = (files: ReadonlyArray<string>, folder: string): Splits => {
  const start = folder.replace(/^\.?\//, "").replace(/\/*$/, "/")
  const inside =
    start === "/" ? files : files.filter((file) => file.startsWith(start)).map((file) => file.slice(start.length))
  const splits = byNames(inside)
  return start === "/"
    ? splits
    : new Map([...splits].map(([split, found]) => [split, found.map((file) => start + file)]))
}

/** The splits that a config states. @error (thrown) for a pattern without a file */
const byConfig = (files: ReadonlyArray<string>, { config_name, data_dir, data_files }: Config): Splits => {
  if (data_files === undefined) return within(files, data_dir ?? "")
  const base = data_dir === undefined ? "" : data_dir.replace(/\/*$/, "/")
  const isListed = (
    value: typeof data_files,
  ): value is ReadonlyArray<{ split: string; path: string | string[] }> & typeof value =>
    Array.isArray(value) && value.some((one) => typeof one === "object")
  const stated = isListed(data_files)
    ? data_files.map(({ split, path }) => [split, path] as const)
    : [["train", data_files as string | ReadonlyArray<string>] as const]
  return new Map(
    stated.map(([split, patterns]) => {
      const found = [patterns].flat().flatMap((pattern) => {
        const glob = new Bun.Glob(base + pattern.replace(/^\.\//, ""))
        const matching = files.filter((file) => glob.match(file))
        if (matching.length > 0) return matching
        throw new Error(
          `the subset ${config_name} reads ${cut(pattern, 60)}, and no file has such a name; there are ${list(files)}`,
        )
      })
      return [split, [...new Set(found)]]
    }),
  )
}

/** The config that a user asks for, or that is read if none is named. @error (thrown) with the names of the others */
const chosen = (configs: ReadonlyArray<Config>, subset: string | undefined): Config | undefined => {
  if (subset !== undefined) return configs.find(({ config_name }) => config_name === subset)
  if (configs.length <= 1) return configs[0]
  const own =
    configs.find((one) => one.default === true) ?? configs.find(({ config_name }) => config_name === "default")
  if (own !== undefined) return own
  throw new Error(`it has several subsets; set subset to one of ${list(configs.map(({ config_name }) => config_name))}`)
}

/** The folders with data, for a message. */
const foldersOf = (files: ReadonlyArray<string>) =>
  new Set(files.filter((file) => file.includes("/")).map((file) => file.slice(0, file.indexOf("/"))))

/** The files of one format: that of most of them. */
const ofOneFormat = (splits: Splits): Splits => {
  const counts = Map.groupBy([...splits.values()].flat(), formatOf)
  const [format] = formats
    .map(([name]) => [name, counts.get(name)?.length ?? 0] as const)
    .reduce((most, one) => (one[1] > most[1] ? one : most))
  return new Map(
    [...splits]
      .map(([split, files]) => [split, files.filter((file) => formatOf(file) === format)] as const)
      .filter(([, files]) => files.length > 0),
  )
}

/**
 * The splits of a repository.
 *
 * @param all its files, with "/" between folders
 * @param readme the text of its README.md; empty if there is none
 * @param subset a config of the README.md, else a folder
 * @error (thrown) for a repository without data, or without the subset: says what there is
 */
export const layoutOf = (all: ReadonlyArray<string>, readme: string, subset?: string): Layout => {
  const files = all.filter((file) => formatOf(file) !== undefined && !isHidden(file)).toSorted()
  if (files.length === 0) {
    const script = all.some((file) => /^[^/]+\.py$/.test(file))
      ? "; a script makes this data set, which is not run: take the branch that the hub makes of it, @refs/convert/parquet"
      : ""
    throw new Error(`it has no .parquet, .jsonl, .json, .csv or .tsv file; it has ${list(all)}${script}`)
  }
  const { configs = [], license } = frontMatter(readme)
  const config = chosen(configs, subset)
  const splits = ofOneFormat(
    config !== undefined ? byConfig(files, config) : within(files, subset === undefined ? "" : subset),
  )
  if (splits.size === 0) {
    const names = [...configs.map(({ config_name }) => config_name), ...(configs.length === 0 ? foldersOf(files) : [])]
    throw new Error(`it has no subset ${cut(subset ?? config?.config_name ?? "", 60)} with data; it has ${list(names)}`)
  }
  return {
    splits,
    subset: config?.config_name ?? subset,
    licence: license === undefined ? undefined : [license].flat().join(", "),
  }
}
