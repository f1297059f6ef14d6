import { test } from "bun:test"
import { checkHead } from "@winnow/testing"
import { bigram, unigram } from "./floors.ts"

test("unigram keeps the laws of a head", () => checkHead(unigram({ heads: 2 })))
test("bigram keeps the laws of a head", () => checkHead(bigram({ heads: 2, columns: 5 })))
