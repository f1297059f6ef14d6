/**
 * The fields of a config.json that all families share, and their role here: those of PretrainedConfig in `transformers`
 * 4.20 to 5.18, and keys that other tools leave in such files. Each family adds its own.
 *
 * A field is used, without effect (with the reason), or refused if its value would change the numbers.
 */

import { privateKey } from "./private-part.ts"

/** The meaning of a field's value. */
export type Field =
  | { readonly part: "used"; readonly how: string }
  | { readonly part: "none"; readonly why: string }
  | {
      readonly part: "refused"
      readonly why: string
      /** Values without an effect, beside null; `config` for values that depend on other fields. */
      readonly neutral: (value: unknown, config: Readonly<Record<string, unknown>>) => boolean
    }

/** A field that affects options or the reading of a folder. */
export const used = (how: string): Field => ({ part: "used", how })
/** A field without an effect on numbers here. */
export const none = (why: string): Field => ({ part: "none", why })
/** A field that would change the numbers, unless it is null or a value that `neutral` accepts. */
export const refused = (
  why: string,
  neutral: (value: unknown, config: Readonly<Record<string, unknown>>) => boolean,
): Field => ({
  part: "refused",
  why,
  neutral,
})

const isEmpty = (value: unknown) =>
  value === false ||
  value === 0 ||
  value === "" ||
  (typeof value === "object" && Object.keys(value as object).length === 0)
const never = () => false
const one = (value: unknown) => value === 1 || value === false

/** One field for several keys, separated by spaces. */
export const all = (keys: string, field: Field): ReadonlyArray<readonly [string, Field]> =>
  keys.split(" ").map((key) => [key, field] as const)

const dropout = none("dropout acts in training by transformers alone; nothing is dropped here")
const tokenIds = used("carried along; evaluate reads the end token")
const outputs = none("chooses what transformers returns, not its numbers")
const labels = none("of classifiers; the head here is the vocabulary's")
const tokenizer = none("of the tokenizer")
const encoders = none("of encoder-decoder models; a decoder does not read it")
const origin = none("says where the file comes from")
const speed = none("chooses how transformers computes, not what")
const otherModels = none("of models with windows; the window itself is sliding_window")

/** Computations of other models that transformers' own GPTNeoX and Llama lack. */
const foreign = refused(
  "belongs to an architecture that is not computed here; if the weights are plain, remove the key from config.json",
  (value) => isEmpty(value),
)
const foreignFactor = refused(
  "multiplies numbers in an architecture that is not computed here; if the weights are plain, remove the key from config.json",
  one,
)
const quantised = refused("quantised weights cannot be read; save the model in float32, float16 or bfloat16", isEmpty)

const common: ReadonlyArray<readonly [string, Field]> = [
  ["model_type", used("chooses the family")],
  ["vocab_size", used("rows of embedding and head")],
  [privateKey, used("columns and gate of a feed-forward beside the shared one of each layer")],
  ["draft_vocab_size", used("rows of the head where it predicts some of the ids only; d2t names them")],
  [
    "tie_word_embeddings",
    used("the head is the embedding, unless the weights have another head, as in transformers 5"),
  ],
  ["initializer_range", used("standard deviation of fresh weights; none where weights are read")],
  ...all("bos_token_id eos_token_id pad_token_id", tokenIds),
  ...all("sep_token_id decoder_start_token_id", none("no decoder here starts with it")),
  ...all("dtype torch_dtype use_bfloat16", none("the files say in which format each weight is")),
  ...all(
    "output_attentions output_hidden_states return_dict use_return_dict torchscript tie_last_hidden_states",
    outputs,
  ),
  ...all("id2label label2id num_labels problem_type finetuning_task task_specific_params classifier_dropout", labels),
  ...all("tokenizer_class prefix", tokenizer),
  ...all("is_decoder add_cross_attention cross_attention_hidden_size tie_encoder_decoder", encoders),
  [
    "is_encoder_decoder",
    refused("transformers would generate with an encoder, and there is none", (value) => value === false),
  ],
  ...all("architectures transformers_version name_or_path _name_or_path _commit_hash", origin),
  ...all("unsloth_version unsloth_fixed model_name", origin),
  ...all("use_cache attn_implementation _attn_implementation _attn_implementation_autoset", speed),
  ...all("_attn_implementation_internal experts_implementation _experts_implementation", speed),
  ...all("_experts_implementation_internal gradient_checkpointing chunk_size_feed_forward pretraining_tp", speed),
  ...all("xla_device tf_legacy_loss _flash_attn_2_enabled use_flash_attention use_flash_attn", speed),
  ...all("attention_dropout hidden_dropout resid_pdrop embd_pdrop attn_pdrop resid_dropout", dropout),
  [
    "auto_map",
    none("code of the folder's own, which transformers runs only when told to trust it; it is not run here"),
  ],
  ...all("use_sliding_window max_window_layers", otherModels),
  ["sliding_window", refused("attention to all earlier positions is what is computed", never)],
  ["attention_chunk_size", refused("attention to all earlier positions is what is computed", never)],
  [
    "layer_types",
    refused(
      "attention to all earlier positions is what is computed",
      (value) => Array.isArray(value) && value.every((kind) => kind === "full_attention" || kind === "attention"),
    ),
  ],
  ["num_kv_shared_layers", refused("each layer has keys and values of its own here", isEmpty)],
  ["is_causal", refused("a token attends to those before it, not to all", (value) => value === true)],
  ["per_layer_config", refused("all layers have one configuration here", isEmpty)],
  ["pruned_heads", refused("heads of the layers named there are missing", isEmpty)],
  ...all("quantization_config compression_config quantization quantization_method", quantised),
  ...all("attn_logit_softcapping final_logit_softcapping logit_softcap query_pre_attn_scalar", foreign),
  ...all("qk_norm use_qk_norm qk_layernorm use_qkv_norm clip_qkv no_rope_layers no_rope_layer_interval", foreign),
  ...all("alibi use_alibi parallel_attn rope_interleave rope_interleaved rope_traditional rotary_interleaved", foreign),
  ...all("num_experts num_local_experts n_routed_experts num_experts_per_tok kv_lora_rank q_lora_rank", foreign),
  ...all("lm_head_bias head_bias use_bidirectional_attention attn_temperature_tuning use_mup mup", foreign),
  ...all("embedding_multiplier residual_multiplier attention_multiplier logits_scaling logit_scale", foreignFactor),
  ...all("scale_emb scale_depth embedding_scale mup_width_scale mup_embeddings_scale width_scale", foreignFactor),
]

/** The names of the sizes in most families. */
export const sizeFields: ReadonlyArray<readonly [string, Field]> = [
  ["hidden_size", used("columns of embedding and head")],
  ["num_hidden_layers", used("layers")],
  ["num_attention_heads", used("heads of queries")],
  ["intermediate_size", used("columns of the feed-forward; absent, the default of transformers")],
  ["max_position_embeddings", used("most positions of a sequence")],
]

/** A key of the rotary embedding. */
export const rotary = used("rotary embedding: rope-config.ts says which key wins")

/** The keys of the rotary embedding in all families that have one. */
export const rotaryFields = all(
  "rope_theta rope_scaling rope_parameters partial_rotary_factor original_max_position_embeddings",
  rotary,
)

/** Settings of generation that older versions stored in config.json; evaluate reports those that change texts. */
export const generationKeys: ReadonlySet<string> = new Set(
  (
    "max_length max_new_tokens min_length min_new_tokens early_stopping max_time stop_strings do_sample num_beams " +
    "num_beam_groups penalty_alpha dola_layers cache_implementation cache_config return_legacy_cache prefill_chunk_size " +
    "temperature top_k top_p min_p top_h typical_p epsilon_cutoff eta_cutoff diversity_penalty repetition_penalty " +
    "encoder_repetition_penalty length_penalty no_repeat_ngram_size bad_words_ids force_words_ids renormalize_logits " +
    "constraints forced_bos_token_id forced_eos_token_id remove_invalid_values exponential_decay_length_penalty " +
    "suppress_tokens begin_suppress_tokens forced_decoder_ids sequence_bias token_healing guidance_scale low_memory " +
    "watermarking_config num_return_sequences output_scores output_logits return_dict_in_generate " +
    "encoder_no_repeat_ngram_size is_assistant num_assistant_tokens num_assistant_tokens_schedule " +
    "assistant_confidence_threshold prompt_lookup_num_tokens max_matching_ngram_size assistant_early_exit " +
    "assistant_lookbehind target_lookbehind assistant_ensemble_weight speculation_type generation_kwargs use_mtp " +
    "max_cache_len compile_config disable_compile"
  ).split(" "),
)

const generation = none("of generation, not of the numbers; evaluate speaks of it")

/** The fields of every family, by name. */
export const commonFields: ReadonlyMap<string, Field> = new Map([
  ...[...generationKeys].map((key) => [key, generation] as const),
  ...common,
])
