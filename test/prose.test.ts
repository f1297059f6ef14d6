/** Wording of README and docs that a program can hold them to (test/figures/prose.ts). */
import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { readPage } from "./figures/page.ts"
import { proseOf } from "./figures/prose.ts"
import { issueText, pages, root } from "./figures/repository.ts"

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
  ])("%j is let be", (text) => {
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

describe("the wording of this repository", () => {
  for (const file of pages())
    test(file, () => {
      const issues = proseOf(readPage(file, readFileSync(join(root, file), "utf8"))).map(issueText)
      expect(issues).toEqual([])
    })

  test("decisions have a number each", () => {
    const numbers = pages().flatMap((file) => /^docs\/decisions\/(\d{3})-/.exec(file)?.[1] ?? [])
    expect(numbers).toEqual([...new Set(numbers)])
  })
})
