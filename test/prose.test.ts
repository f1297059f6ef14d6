/** Rules of wording for README, docs, comments, names and titles of tests that a program can check (test/figures). */
import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { commentIssuesOf } from "./figures/comments.ts"
import { nameIssuesOf, titleIssuesOf } from "./figures/names.ts"
import { readPage } from "./figures/page.ts"
import { proseOf } from "./figures/prose.ts"
import { issueText, pages, root, sources } from "./figures/repository.ts"

const prose = (text: string) => proseOf(readPage("page.md", text)).map(issueText)

describe("wording", () => {
  test.each([
    "What it says.",
    "## Whether it is so",
    "It is. Those are not.",
    "- Which of them?",
    "**What it costs.** Much.",
    "A line that ends.\nWhat begins here",
    "| a | Whether |",
  ])("%j begins a sentence as none should", (text) => {
    expect(prose(text).length).toBe(1)
  })
  test.each([
    "It says what it is.",
    "A line that goes on to say\nWhat begins here",
    "```\nWhat is code\n```",
    "<!-- What is hidden -->",
    "Whatever comes, so be it.",
  ])("%j passes", (text) => {
    expect(prose(text)).toEqual([])
  })
  test("prose wraps at 120; tables, code, links and markers are as wide as they are", () => {
    const words = "word ".repeat(30).trim()
    expect(prose(`${words}\n\n- ${words}`)).toEqual([
      "page.md:1: 149 characters; prose wraps at 120",
      "page.md:3: 151 characters; prose wraps at 120",
    ])
    expect(prose(`| ${words} |\n\n\`\`\`\n${words}\n\`\`\`\n\n    ${words}\n`)).toEqual([])
    expect(prose(`[${words}](https://a.b)\n\n5<!--= ${words} --> of them`)).toEqual([])
  })
})

test("a code span stays on its line", () => {
  expect(prose("It is `a\n- b` of `c`.").length).toBe(2)
  expect(prose("It is `a - b`\nof `c`.\n\n```sh\necho `date\n```")).toEqual([])
})

describe("wording of comments", () => {
  const comments = (source: string) =>
    commentIssuesOf("code.ts", source).map(({ line, message }) => `${line} ${message}`)
  test.each([
    ["/** What it does. */", 1, "What"],
    ["/**\n * It is so.\n *\n * Whether it is: yes.\n */\nconst a = 1", 4, "Whether"],
    ["/**\n * It does all that\n * it can. Those are many.\n */", 3, "Those"],
    ["const a = 1 // Which it is", 1, "Which"],
    ["// It is so.\n// What is so stays.", 2, "What"],
    ["int a;\n  // What C++ says.", 2, "What"],
    ["/** It is. @error What is thrown */", 1, "What"],
    ["/**\n * It is.\n *\n * @param x Whether it is\n */", 4, "Whether"],
    ["/* It is.\n   Those too. */", 2, "Those"],
    ["/** It is. */\n// What follows a block", 2, "What"],
  ] as const)("%j begins a sentence as none should", (source, line, word) => {
    expect(comments(source)).toEqual([`${line} a sentence begins with ${word}; begin with the noun that is meant`])
  })
  test.each([
    "/** True if it is so. */",
    "// It goes on to say\n// What begins here",
    '/** The words "What is" stand in quotes, `. What` in code. */',
    'const a = "What it is."',
    'const a = "https://a.b/What"',
    'const a = glob("*/**")\nconst b = "It is. What is?"',
    "/** It is. */\nconst a = What",
    'const a = ["x", " // What is text"]',
  ])("%j passes", (source) => {
    expect(comments(source)).toEqual([])
  })
})

describe("names", () => {
  test.each([
    "export const found = 1",
    "export interface Given {",
    "export type Known = string",
    "export async function told() {}",
  ])("%j exports a participle", (source) => {
    expect(nameIssuesOf("code.ts", source).length).toBe(1)
  })
  test.each(["export const foundFiles = []", "const found = 1", 'export { found } from "./a.ts"'])(
    "%j passes",
    (source) => {
      expect(nameIssuesOf("code.ts", source)).toEqual([])
    },
  )
  const titled = (name: string, title: string) => `${name}(${JSON.stringify(title)}, () => {})`
  test.each(["what it does", "Which it is", "whether it is"])("%j begins a title as none should", (title) => {
    for (const name of ["test", "describe", "it", "test.only"])
      expect(titleIssuesOf("code.test.ts", `\n${titled(name, title)}`).map(({ line }) => line)).toEqual([2])
  })
  test.each([titled("test", "says what it does"), titled("test", "whatever it is"), titled("expect", "what it does")])(
    "%j has no title that begins so",
    (source) => {
      expect(titleIssuesOf("code.test.ts", source)).toEqual([])
    },
  )
})

describe("the wording of this repository", () => {
  for (const file of pages())
    test(file, () => {
      const issues = proseOf(readPage(file, readFileSync(join(root, file), "utf8"))).map(issueText)
      expect(issues).toEqual([])
    })

  test("comments of TypeScript and C++", () => {
    const files = sources()
    expect(files).toContain("test/figures/prose.ts")
    expect(files).toContain("packages/tensor/native/head.h")
    expect(
      files.flatMap((file) => commentIssuesOf(file, readFileSync(join(root, file), "utf8"))).map(issueText),
    ).toEqual([])
  })

  test("exported names, and titles of tests", () => {
    const issues = sources().flatMap((file) => {
      const source = readFileSync(join(root, file), "utf8")
      return [...nameIssuesOf(file, source), ...titleIssuesOf(file, source)]
    })
    expect(issues.map(issueText)).toEqual([])
  })

  test("decisions have a number each", () => {
    const numbers = pages().flatMap((file) => /^docs\/decisions\/(\d{3})-/.exec(file)?.[1] ?? [])
    expect(numbers).toEqual([...new Set(numbers)])
  })
})
