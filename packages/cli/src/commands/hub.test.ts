/** Commands on `hf:owner/name`, in another process than the hub, which is on this machine. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { commit, localHub } from "@winnow/hub/testing"
import { llama } from "@winnow/model-llama"
import { initialise, saveModel } from "@winnow/models"
import { Effect } from "effect"
import { modelReport } from "./model-report.ts"
import { hostedCli } from "./run-cli.fixture.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-commands-hub-"))
const folder = join(root, "model")
let hub: ReturnType<typeof localHub>
beforeAll(async () => {
  const sizes = { vocab_size: 40, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2 }
  const architecture = await Effect.runPromise(llama({ ...sizes, max_position_embeddings: 32 }).instance)
  const model = initialise(architecture, 1)
  await Effect.runPromise(saveModel(model, folder))
  model.dispose()
  hub = localHub(Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))])))
})
afterAll(() => {
  hub[Symbol.dispose]()
  rmSync(root, { recursive: true })
})

const hosted = hostedCli()
const winnow = (args: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) => {
  const { endpoint, cache } = hub.settings
  return hosted(args, { HF_ENDPOINT: endpoint, HF_HUB_CACHE: cache, HF_TOKEN: "hf_t", ...more })
}

const pinned = `hf:small/model@${commit}`

test("model, logits and evaluate take a reference", async () => {
  const offline = await winnow(["model", "hf:small/model"], { HF_HUB_OFFLINE: "1" })
  expect([offline.code, offline.out]).toEqual([2, ""])
  expect(offline.err).toContain("HF_HUB_OFFLINE forbids to ask the hub")
  expect(hub.seen).toEqual([])

  const facts = await winnow(["model", "hf:small/model", "--json"])
  expect(JSON.parse(facts.out)).toMatchObject({
    reference: pinned,
    folder: join(hub.settings.cache, "models--small--model", "snapshots", commit),
    family: "llama",
  })
  expect(hub.seen.filter(({ what }) => what === "revision").map(({ token }) => token)).toEqual(["Bearer hf_t"])
  const report = modelReport(JSON.parse(facts.out))
  expect(report).toContain(`reference  ${pinned}`)

  const ids = ["--ids", "[[1,2,3]]", "--json"]
  const [ofHub, ofFolder] = [
    await winnow(["logits", "hf:small/model", ...ids]),
    await winnow(["logits", folder, ...ids]),
  ]
  expect([ofHub.code, ofHub.out]).toEqual([0, ofFolder.out])

  const prompts = join(root, "prompts.jsonl")
  writeFileSync(prompts, '{"ids": [1, 2, 3]}\n{"ids": [4, 5]}\n')
  const pair = ["--target", "hf:small/model@v1", "--draft", folder, "--prompts", prompts]
  const evaluated = await winnow([
    "evaluate",
    ...pair,
    "--max-new",
    "6",
    "--draft-length",
    "2",
    "--rounds",
    "0",
    "--json",
  ])
  expect(JSON.parse(evaluated.out)).toMatchObject({ target: { reference: pinned }, draft: { folder } })
})

test("a repository that there is not has exit code 2 and a remedy", async () => {
  const { code, out, err } = await winnow(["logits", "hf:large/model", "--ids", "[[1]]"])
  expect([code, out]).toEqual([2, ""])
  expect(err).toMatch(
    /^error: hf:large\/model: http:.* answered 404; there is no such repository: check the name \[WN-201\]\n$/,
  )
})
