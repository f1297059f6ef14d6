import { describe, expect, test } from "bun:test"
import { layoutOf } from "./layout.ts"

const splitsOf = (files: ReadonlyArray<string>, readme = "", subset?: string) =>
  Object.fromEntries(layoutOf(files, readme, subset).splits)
const head = (yaml: string) => `---\n${yaml}\n---\n# Data\n`

describe("splits by the names of files", () => {
  test.each([
    ["train.csv test.csv README.md", { train: ["train.csv"], test: ["test.csv"] }],
    // A word is a part of a name that other letters are separated from.
    ["my_train_1.jsonl dev-2.jsonl restest.jsonl", { train: ["my_train_1.jsonl"], validation: ["dev-2.jsonl"] }],
    [
      "training.json evaluation.json val.json",
      { train: ["training.json"], validation: ["val.json"], test: ["evaluation.json"] },
    ],
    // Folders count before files.
    [
      "train/a.csv train/test.csv val_1/b.csv c.csv",
      { train: ["train/a.csv", "train/test.csv"], validation: ["val_1/b.csv"] },
    ],
    // Shards in data/ count before folders, and may have any name.
    [
      "data/train_sft-00001-of-00002.parquet data/train_sft-00000-of-00002.parquet data/gen-00000-of-00001-ab12.parquet train/x.csv",
      {
        train_sft: ["data/train_sft-00000-of-00002.parquet", "data/train_sft-00001-of-00002.parquet"],
        gen: ["data/gen-00000-of-00001-ab12.parquet"],
      },
    ],
    ["b.jsonl.gz a.jsonl.zst", { train: ["a.jsonl.zst", "b.jsonl.gz"] }],
    // Hidden files, descriptions and other formats are no data; of several formats the most frequent one is read.
    [".cache/train.csv __x__/y.csv dataset_infos.json a.csv image.png", { train: ["a.csv"] }],
    ["train.jsonl train.parquet test.jsonl", { train: ["train.jsonl"], test: ["test.jsonl"] }],
    ["train.jsonl train.parquet", { train: ["train.parquet"] }],
  ])("%s", (files, splits) => {
    expect(splitsOf(files.split(" "))).toEqual(splits)
  })

  test("folders with splits of their own are subsets", () => {
    const files = ["main/train/0000.parquet", "main/test/0000.parquet", "other/train/0000.parquet"]
    expect(() => splitsOf(files)).toThrow("it has splits in several folders; set subset to one of main, other")
    expect(splitsOf(files, "", "main")).toEqual({
      train: ["main/train/0000.parquet"],
      test: ["main/test/0000.parquet"],
    })
    expect(() => splitsOf(files, "", "none")).toThrow("it has no subset none with data; it has main, other")
  })
})

describe("splits by the configs of README.md", () => {
  const files = ["data.csv", "holdout.csv", "en/a.jsonl", "en/test.jsonl", "fr/x/a.jsonl", "fr/b.jsonl"]
  test("paths, lists of paths, patterns, folders", () => {
    const readme = head(`license: mit
configs:
- config_name: one
  data_files:
  - split: train
    path: data.csv
  - split: holdout
    path: [holdout.csv]
- config_name: french
  default: true
  data_files: "fr/**"
- config_name: english
  data_dir: en`)
    expect(splitsOf(files, readme, "one")).toEqual({ train: ["data.csv"], holdout: ["holdout.csv"] })
    expect(splitsOf(files, readme)).toEqual({ train: ["fr/b.jsonl", "fr/x/a.jsonl"] })
    expect(splitsOf(files, readme, "english")).toEqual({ test: ["en/test.jsonl"] })
    expect(layoutOf(files, readme)).toMatchObject({ subset: "french", licence: "mit" })
    expect(() => splitsOf(files, readme, "german")).toThrow(
      "it has no subset german with data; it has one, french, english",
    )
  })

  test("several of them, none the default; a pattern without a file; heads of another form", () => {
    const two = "configs:\n- config_name: a\n  data_files: data.csv\n- config_name: b\n  data_files: none/*.csv"
    expect(() => splitsOf(files, head(two))).toThrow("it has several subsets; set subset to one of a, b")
    expect(() => splitsOf(files, head(two), "b")).toThrow(
      "the subset b reads none/*.csv, and no file has such a name; there are data.csv, en/a.jsonl",
    )
    expect(() => splitsOf(files, head("configs: 3"))).toThrow("the head of its README.md: configs must be an array")
    expect(() => splitsOf(files, head("a: [1"))).toThrow("the head of its README.md is no YAML")
    // Without a head, the names of the files count.
    expect(splitsOf(["train.csv", "x.csv"], "# Data\n---\nconfigs: 3\n---\n")).toEqual({ train: ["train.csv"] })
    expect(splitsOf(["train.csv"], head(""))).toEqual({ train: ["train.csv"] })
  })
})

test("a repository without data is refused by its files; a script is not run", () => {
  expect(() => splitsOf(["README.md", "a.zip"])).toThrow(
    "it has no .parquet, .jsonl, .json, .csv or .tsv file; it has README.md, a.zip",
  )
  expect(() => splitsOf(["gsm8k.py"])).toThrow("take the branch that the hub makes of it, @refs/convert/parquet")
})
