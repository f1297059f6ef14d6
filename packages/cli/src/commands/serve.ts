/** `winnow serve`: an OpenAI-compatible endpoint of a target, with a draft or without. */
import { basename } from "node:path"
import { InvalidInput, outOfRange } from "@winnow/core"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { withFamilies } from "../model.ts"
import { startServer } from "../serve/server.ts"
import { templateOf } from "../serve/template.ts"
import { described } from "../shared-flags.ts"
import { namedWriter, type WriterRequest } from "../text/writer.ts"
import { writerFlags, writerRequestOf } from "./text-flags.ts"

/** The request of a server. */
export interface ServeRequest extends WriterRequest {
  readonly draftLength: number | "auto"
  readonly specialTokens: "text" | "ids"
  readonly port: number
  /** The model's name in requests; undefined: its folder's, or its reference. */
  readonly name: string | undefined
  readonly chatTemplate: string | undefined
  readonly atOnce: number
  readonly queue: number
}

/** A short text that every model is tried on before it is served. */
const TRIAL = "Hello"

/**
 * Starts a server for the lifetime of the scope.
 *
 * @error InvalidInput, DataError, EngineClosed as `winnow generate`; InvalidInput for a port that is taken
 */
export const serving = Effect.fnUntraced(function* (request: ServeRequest) {
  const { atOnce, queue, port, draftLength, specialTokens } = request
  const odd = outOfRange([
    ["--at-once", atOnce, 1, 64],
    ["--queue", queue, 0, 100_000],
    ["--port", port, 0, 65_535],
  ])
  if (odd !== undefined) return yield* odd
  const found = yield* namedWriter(request)
  const template = yield* templateOf(found.folder, request.chatTemplate)
  const [trial] = (yield* found.tokenizer.encode([TRIAL])) as [Int32Array]
  const writer = yield* found.open(trial.length > 0 ? trial : Int32Array.of(0))
  const alone = writer.proposer === undefined
  const isFolder = !request.target.startsWith("hf:")
  const model = request.name ?? (isFolder ? basename(found.folder) : request.target)
  const server = yield* Effect.acquireRelease(
    Effect.try({
      try: () =>
        startServer({
          ...{ writer, template, model, specialTokens, port, atOnce, queue },
          draftLength: alone ? 0 : draftLength,
        }),
      catch: (error) => {
        if (error instanceof InvalidInput) return error
        throw error
      },
    }),
    (server) => Effect.promise(server.close),
  )
  return { url: server.url, model, proposer: found.proposer, chat: template !== undefined, notes: writer.notes }
})

/** The command: one line on stdout once it listens; it ends with Ctrl-C. */
export const serve = Command.make(
  "serve",
  {
    ...writerFlags,
    port: described(Flag.Int("port").pipe(Flag.withDefault(8000)), "of 127.0.0.1; 0: any free one"),
    name: described(Flag.String("name").pipe(Flag.optional), "the model's name in requests; its folder's if left out"),
    chatTemplate: described(
      Flag.String("chat-template").pipe(Flag.optional, Flag.withMetavar("FILE")),
      "in place of the target's own: a .jinja file, a tokenizer_config.json, a folder, or plain",
    ),
    atOnce: described(
      Flag.Int("at-once").pipe(Flag.withDefault(4)),
      "texts that are decoded at once, each with a cache of its own; they share the time block by block",
    ),
    queue: described(Flag.Int("queue").pipe(Flag.withDefault(64)), "texts that may wait for their turn"),
  },
  Effect.fn("serve")(function* (flags) {
    const { plugin, specialTokens, port, name, chatTemplate, atOnce, queue } = flags
    const request: ServeRequest = {
      ...(yield* writerRequestOf(flags)),
      ...{ specialTokens, port, atOnce, queue },
      name: Option.getOrUndefined(name),
      chatTemplate: Option.getOrUndefined(chatTemplate),
    }
    const run = Effect.gen(function* () {
      const { url, model, proposer, chat, notes } = yield* serving(request)
      for (const note of notes) yield* Console.error(`note: ${note}`)
      if (!chat) yield* Console.error("note: The target has no chat template: chat/completions is refused.")
      const by = proposer === null ? "the target alone" : `proposals by ${proposer}, gamma ${request.draftLength}`
      yield* Console.log(`${model} at ${url} (${by}); Ctrl-C ends it`)
      return yield* Effect.never
    })
    yield* withFamilies(plugin, Effect.scoped(run))
  }),
).pipe(Command.withDescription("An OpenAI-compatible endpoint on 127.0.0.1, with a draft or without"))
