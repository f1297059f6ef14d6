import { test } from "bun:test"
import { checkProposer } from "@winnow/testing"
import { myProposer } from "./index.ts"

test("keeps the laws: decoding is lossless for any proposal", () => checkProposer(myProposer()), 30_000)
