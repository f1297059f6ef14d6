import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Datasets, type Split } from "@winnow/core"
import { checkTask } from "@winnow/testing"
import { Effect } from "effect"
import { makeDatasets } from "../datasets.ts"
import golden from "../fixtures/parquet-golden.json"
import { chat } from "./chat.ts"

let folder: string
const turn = (role: string, content: unknown) => ({ role, content })
const talk = (n: number) => ({
  messages: [
    turn("system", "Count on."),
    turn("user", `From ${n}?`),
    turn("assistant", `${n + 1}`),
    turn("user", "And then?"),
    turn("assistant", `${n + 2}`),
  ],
})
const lines = (records: ReadonlyArray<unknown>) => records.map((record) => `${JSON.stringify(record)}\n`).join("")

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "winnow-chat-"))
  await mkdir(join(folder, "model"))
  await put("model/tokenizer_config.json", JSON.stringify({ bos_token: { content: "<s>" }, eos_token: "<end>" }))
  await put(
    "model/chat_template.jinja",
    "{{ bos_token }}{% for m in messages %}{{ '<' + m.role + '>' + m.content + eos_token + '\\n' }}{% endfor %}" +
      "{% if tools %}{{ tools | length }}{% endif %}{% if add_generation_prompt %}<assistant>{% endif %}",
  )
})
afterAll(() => rm(folder, { recursive: true }))
const put = (name: string, content: string | Uint8Array) => writeFile(join(folder, name), content)
const datasets = () => makeDatasets({ folder: undefined, cache: join(folder, "cache"), beside: folder })
const instanceOf = (use: ReturnType<typeof chat>) =>
  Effect.runPromise(use.instance.pipe(Effect.provideService(Datasets, datasets())))
const refusal = async (use: ReturnType<typeof chat>) =>
  (await Effect.runPromise(Effect.flip(use.instance).pipe(Effect.provideService(Datasets, datasets())))).message
const whole = { validation: 0, test: 0 } as const

test("each turn of the assistant is an example; those of one conversation are in one split", async () => {
  await put("talks.jsonl", lines(Array.from({ length: 60 }, (_, n) => talk(n))))
  await checkTask(chat({ train: "talks.jsonl", template: "model" }), { datasets: datasets() })
  const task = await instanceOf(chat({ train: "talks.jsonl", template: "model" }))
  const of = (split: Split) => task.examples(split).map(({ prompt }) => /From (\d+)/.exec(prompt)![1]!)
  for (const split of ["train", "validation", "test"] as const) {
    const counts = Map.groupBy(of(split), (n) => n)
    for (const [, turns] of counts) expect(turns.length).toBe(2)
  }
  const second = task.examples("train")[1]!
  expect(second.prompt).toBe(
    "<s><system>Count on.<end>\n<user>From 0?<end>\n<assistant>1<end>\n<user>And then?<end>\n<assistant>",
  )
  expect(second.answer).toBe("2")
})

test("plain turns without a template, and turns named from and value", async () => {
  await put(
    "shared.jsonl",
    lines([
      {
        conversations: [
          { from: "human", value: "Hi?" },
          { from: "gpt", value: "Yes." },
        ],
      },
    ]),
  )
  const task = await instanceOf(chat({ train: "shared.jsonl", messages: "conversations", ...whole }))
  expect(task.examples("train")).toEqual([{ prompt: "User: Hi?\n\nAssistant: ", answer: "Yes." }])
})

test("conversations in Parquet, with numbers in the form that JSON has", async () => {
  const nested = golden.find(({ name }) => name === "lists of structures")!
  await put("talks.parquet", Uint8Array.fromBase64(nested.file))
  const settings = { train: "talks.parquet", ...whole } as const
  expect(await refusal(chat(settings))).toStartWith("talks.parquet, row 1: it has no turn of the assistant")
  const task = await instanceOf(chat({ ...settings, faulty: "skip" }))
  expect(task.examples("train")).toEqual([
    { prompt: "User: Say 1\n\nAssistant: ", answer: "1" },
    { prompt: "User: Say 2\n\nAssistant: ", answer: "2" },
  ])
})

test("a template lies in the folder's config, alone or in a list, or is a file", async () => {
  await put("talk.jsonl", lines([talk(3)]))
  const source = "{% for m in messages %}{{ m.content }}|{% endfor %}"
  const config = (chat_template: unknown) => JSON.stringify({ chat_template, eos_token: null })
  await put("one.json", config(source))
  await put(
    "several.json",
    config([
      { name: "tool_use", template: "x" },
      { name: "default", template: source },
    ]),
  )
  await put("own.jinja", source)
  for (const template of ["one.json", "several.json", "own.jinja"]) {
    const task = await instanceOf(chat({ train: "talk.jsonl", template, ...whole }))
    expect(task.examples("train")[0]).toEqual({ prompt: "Count on.|From 3?|", answer: "4|" })
  }
  await put("empty.json", "{}")
  expect(await refusal(chat({ train: "talk.jsonl", template: "empty.json" }))).toContain("has no chat template")
  expect(await refusal(chat({ train: "talk.jsonl", template: "gone" }))).toStartWith("there is no gone")
  await put("broken.jinja", "{% for %}")
  expect(await refusal(chat({ train: "talk.jsonl", template: "broken.jinja" }))).toStartWith(
    `the chat template in ${join(folder, "broken.jinja")} is no Jinja that can be`,
  )
})

test("a conversation that can be no examples is refused by file and line, or left out and counted", async () => {
  await put(
    "strict.jinja",
    "{% for m in messages %}{{ m.content + '' }}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}{% endfor %}",
  )
  const faults: ReadonlyArray<readonly [record: unknown, says: string]> = [
    [{ talk: [] }, "has no column messages; it has talk"],
    [{ messages: "Hi" }, "its messages is no list of turns"],
    [{ messages: [{ content: "Hi" }] }, "its turn 1 has no role; expected { role, content } or { from, value }"],
    [{ messages: [turn("user", "Hi")] }, "it has no turn of the assistant"],
    [{ messages: [turn("user", "Hi"), turn("assistant", " ")] }, "turn 1 of the assistant is empty"],
    [
      { messages: [turn("user", "Hi"), turn("tool", "x"), turn("assistant", "y")] },
      "the chat template refuses the conversation: no tools",
    ],
  ]
  const settings = { template: "strict.jinja", ...whole } as const
  for (const [i, [record, says]] of faults.entries()) {
    await put(`fault-${i}.jsonl`, lines([talk(1), record]))
    const train = `fault-${i}.jsonl`
    expect(await refusal(chat({ train, ...settings }))).toStartWith(`${train}, line 2: ${says}`)
    const task = await instanceOf(chat({ train, ...settings, faulty: "skip" }))
    expect(task.examples("train").length).toBe(2)
    expect(task.notes![0]).toStartWith(`1 of 2 records of ${train} are left out: 1 `)
  }
})

test("a turn without content or calls is empty, whatever the template writes around it", async () => {
  const silent = (turn: object) => ({
    messages: [
      { role: "user", content: "Hi?" },
      { role: "assistant", ...turn },
    ],
  })
  await put("marks.jinja", "{% for m in messages %}<{{ m.role }}>{{ m.content }}<stop>{% endfor %}")
  for (const turn of [{}, { content: " " }, { content: null, tool_calls: [] }]) {
    await put("silent.jsonl", lines([talk(1), silent(turn)]))
    expect(await refusal(chat({ train: "silent.jsonl", template: "marks.jinja", ...whole }))).toStartWith(
      "silent.jsonl, line 2: turn 1 of the assistant is empty",
    )
  }
  await put("calls.jsonl", lines([silent({ content: null, tool_calls: [{ function: { name: "add" } }] })]))
  const task = await instanceOf(chat({ train: "calls.jsonl", template: "marks.jinja", ...whole }))
  expect(task.examples("train").length).toBe(1)
})
