/** The tokenizer's files of an exported model, as `transformers` 5 opens them. */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { InvalidInput } from "@winnow/core"
import { type Tokenizer, tokenizerPath } from "@winnow/data"
import { parseJson, readRegularText, sha256OfFile } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"
import type { StageError } from "../stage.ts"
import { openTokenizer } from "../stages/text.ts"
import type { Artifact } from "../store/store.ts"

/** A token of a tokenizer_config.json: its text, or an object with it. */
const Token = type("string | null").or({ content: "string" })
const Config = type({ "bos_token?": Token, "pad_token?": Token, "unk_token?": Token })

/** Ids of tokens that a model's configuration names; null: it has no such token. */
export interface TokenIds {
  readonly bos_token_id: number | null
  readonly eos_token_id: number
  /** The id for padding: the end's id where the tokenizer has no token for padding, as is usual for decoders. */
  readonly pad_token_id: number
}

/** The files of a tokenizer, their special tokens, and the settings that the export leaves out. */
export interface ExportedTokenizer {
  /** Text by the file's name. */
  readonly files: Readonly<Record<string, string>>
  readonly ids: TokenIds
  readonly tokenizer: Tokenizer
  readonly notes: ReadonlyArray<string>
}

const textOf = (token: typeof Token.infer | undefined): string | undefined =>
  typeof token === "object" ? token?.content : token

/** The source folder of a tokenizer, if its files are unchanged. */
const originOf = (artifact: Artifact, path: string | undefined): { folder?: string; note?: string } => {
  const fields = type({ config: { kind: "string", "configSha256?": "string | null" } })(artifact.manifest.made)
  if (fields instanceof type.errors || fields.config.kind !== "file" || path === undefined) return {}
  const { configSha256 } = fields.config
  const folder = dirname(tokenizerPath(path))
  const beside = join(folder, "tokenizer_config.json")
  const same = configSha256 == null ? existsSync(folder) : existsSync(beside) && sha256OfFile(beside) === configSha256
  if (same) return { folder }
  return { note: `${beside} is not what the run read: a chat template and further special tokens are left out` }
}

const readObject = (file: string): Readonly<Record<string, unknown>> =>
  existsSync(file)
    ? (parseJson(readRegularText(file, { most: 2 ** 26, what: "a tokenizer's file" })) as Record<string, unknown>)
    : {}

/**
 * The files of the tokenizer that a run was trained with.
 *
 * @param path the tokenizer's source by the experiment; undefined for a trained tokenizer and for the byte tokenizer
 * @param maxLength the context of the model
 */
export const exportedTokenizer = (
  artifact: Artifact,
  path: string | undefined,
  maxLength: number,
): Effect.Effect<ExportedTokenizer, StageError | InvalidInput> =>
  Effect.gen(function* () {
    const tokenizer = yield* openTokenizer(artifact)
    const { folder, note } = originOf(artifact, path)
    const own = folder === undefined ? {} : readObject(join(folder, "tokenizer_config.json"))
    const named = Config(own)
    const { bos_token, pad_token, unk_token } = named instanceof type.errors ? {} : named
    const idOf = (text: string | undefined) => (text === undefined ? undefined : tokenizer.idOf(text))
    const bos = textOf(bos_token)
    const pad = idOf(textOf(pad_token)) === undefined ? tokenizer.eos : textOf(pad_token)!
    const special = {
      ...(idOf(bos) !== undefined && { bos_token: bos }),
      eos_token: tokenizer.eos,
      pad_token: pad,
      ...(idOf(textOf(unk_token)) !== undefined && { unk_token: textOf(unk_token) }),
    }
    const config = {
      tokenizer_class: "PreTrainedTokenizerFast",
      clean_up_tokenization_spaces: false,
      ...own,
      ...special,
      model_max_length: maxLength,
    }
    const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
    const template = folder === undefined ? undefined : join(folder, "chat_template.jinja")
    return {
      files: {
        "tokenizer.json": json(tokenizer.json),
        "tokenizer_config.json": json(config),
        "special_tokens_map.json": json(special),
        ...(template !== undefined &&
          existsSync(template) && { "chat_template.jinja": readFileSync(template, "utf8") }),
      },
      ids: {
        bos_token_id: idOf(bos) ?? null,
        eos_token_id: tokenizer.eosId,
        pad_token_id: tokenizer.idOf(pad)!,
      },
      tokenizer,
      notes: note === undefined ? [] : [note],
    }
  })
