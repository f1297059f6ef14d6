import { test } from "bun:test"
import { checkProposer } from "@winnow/testing"
import { myProposer } from "./index.ts"

test("keeps the laws: whatever it proposes, decoding is lossless", () => checkProposer(myProposer()), 30_000)
