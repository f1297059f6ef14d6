// One call a decoding step: an architecture's layers as a list of instructions over a cache of keys and values.
//
// A decoder is a program, a cache for B sequences and scratch memory. Each instruction reads and writes scratch matrices of M
// = B T' rows ("slots"), T' of the T new positions at a time, so that scratch does not grow with the prompt. A row's numbers
// depend on its own sequence alone, bit by bit: not on the batch, the padding, the calls that a text is cut into, or threads.
//
// Letters: B sequences, T new positions, P cached, R rows kept, d hidden size, V vocabulary, U rows of the head, h head size.
#pragma once
#include "variant.h"

// The outcome of a call.
enum : int {
  WINNOW_DECODE_OK = 0,
  WINNOW_DECODE_NO_MEMORY = -1,
  // an id n outside the vocabulary gives -(n + 1000) for n >= 0 and -2 for n below 0; the decoder is unchanged
  WINNOW_DECODE_NEGATIVE_ID = -2,
  WINNOW_DECODE_BAD_ID = -1000,
};

// A decoder for the program in words [n] (all whole numbers but eps), or null without memory:
//   d, V, U rows of the head (V of them, or fewer), layers, Q query heads, G key-value heads, h, order (0 kinds, 1 heads), rotary tables, slots, instructions; the
//   width of each slot; then for each instruction 12 words:
//   op, from, to, p0, p1, p2, p3, outputs, flags, column, eps, layer.
// A hidden state of d columns that is wider than the last norm's slot ends in ones, which a bias in the head's last column
// multiplies. Parameters p are places in the addresses that winnow_decode_bind gives, -1 for none. A `to` of -1 is the result [R, d], for
// which only the rows that are kept are computed. Ops:
//   0 embed      to = table p0 [V, outputs] at the ids, times eps, plus p1 [positions, width of to] at the positions if it is
//                there; of a table with more columns than `to` the first ones, and it is in float32
//   1 layerNorm  scale p0, shift p1 (or -1), eps; flags 2 adds to the slot's content, 8 adds one to the scale
//   2 rmsNorm    scale p0, eps; flags as of layerNorm
//   3 linear     weight p0 [outputs, width of from], bias p1; to the columns from `column` on; flags 1 gelu, 2 added to what
//                is there, 4 gelu with tanh, 16 silu
//   4 gate       gate p0, up p1 [outputs, width of from], their biases p2, p3; without p1 the rows of up follow in p0 and p2;
//                silu of the gate, or flags 1 gelu, 4 gelu with tanh
//   5 attend     from packed projections to contexts, over the cache of `layer`; the first `outputs` entries of a head are
//                rotated by the tables of place p0 (no parameter); eps is the factor of the entries of queries and keys that
//                are not rotated, the tables carry that of the others; a position reads the last `column` positions, its own
//                included, 0 for all; in the place of flags stands the soft cap of the scores, 0 for none
//   6 headNorm   packed projections of kinds, each head of queries by an RMS norm of scale p0 [h], of keys by p1 [h]; eps, flags
//                8; from and to may be one slot
//   7 weigh      each row of to times 2 / (1 + exp(-z)), z = from . (p0 - p1), both [width of from]; 1 where p0 = p1
//   8 keep       the rows of from that are kept, for winnow_decode_kept(column); `to` has no meaning; columns count up
//   9 give       to = the columns from `column` on of the given rows; `from` has no meaning
//  10 copy       from to the columns of to from `column` on
// An embed of layer l > 0 reads list l - 1 of the given tokens in place of the ids. A program without a result has d = 0.
WINNOW_API void* winnow_decode_new(const double* words, int64_t n);
WINNOW_API void winnow_decode_free(void* decoder);

// Begins B sequences with an empty cache; `pad` [B] counts the left padding of each (null: none).
WINNOW_API void winnow_decode_start(void* decoder, int64_t B, const int32_t* pad);
// Sets the addresses of the parameters, which must stay valid until the next call. With `rounded` not 0 the weights of
// linear and gate are copies by winnow_rounded_new, and their inputs are rounded to bfloat16 as well.
WINNOW_API void winnow_decode_bind(void* decoder, const double* addresses, int64_t n, int32_t rounded);
// The rotary tables of one place, [rows, r / 2] each and n numbers, copied; rows for every later position. Not needed for
// r = 0.
WINNOW_API int32_t winnow_decode_rotary(void* decoder, int64_t place, const float* cos, const float* sin, int64_t n);

// Appends ids [B, T]; keeps the hidden states of the last `rows` positions of each sequence, [B rows, d], also in h if it
// is not null.
WINNOW_API int32_t winnow_decode_extend(void* decoder, const int32_t* ids, int64_t T, int64_t rows, float* h);
// The most probable token of each kept row (lowest id of equal ones) and its margin to the second, equal to those of the
// whole product with head [U, d]. margin and screen may be null. The margin is that of capped logits; a cap keeps the order, and
// where rounding makes two capped logits equal the choice is of the larger one before the cap.
WINNOW_API int32_t winnow_decode_greedy(void* decoder, const float* head, int64_t U, const void* screen, int32_t* argmax, float* margin);
// Logits [R, U] of the kept rows; the decoder owns them until its next call. Null without memory.
WINNOW_API const float* winnow_decode_logits(void* decoder, const float* head, int64_t U);
// Logits are cap tanh(x / cap) of the products x with the head from now on; 0 for none, as at first.
WINNOW_API void winnow_decode_cap(void* decoder, double cap);
// Choices and logits are of the last `rows` of the rows that the last call kept, until the next call: fewer than all of them
// only for one sequence; of the result, or of keep instruction `kept` (-1: the result).
WINNOW_API void winnow_decode_ask(void* decoder, int64_t rows, int64_t kept);
// Rows [B T, width] for the give instructions of the next call, and lists [B T] of tokens for its embed instructions, one behind
// the other; both are read during that call.
WINNOW_API void winnow_decode_give(void* decoder, const float* rows, int64_t width, const int32_t* tokens);
// The rows of keep instruction i that the last call kept, [B rows, width of its slot]; void at the next call.
WINNOW_API const float* winnow_decode_kept(void* decoder, int64_t i);
// The same, where the last n of the T tokens of one sequence are nodes of a tree: each reads the text before the tree and its
// own path, so that its row has the bits of that path as a text. parents [n] counts the nodes of the tree from 0, those of
// earlier calls first: the node that each follows, or -1 for the text. While a tree is open all new tokens are nodes.
WINNOW_API int32_t winnow_decode_extend_tree(void* decoder, const int32_t* ids, int64_t T, int64_t rows, float* h, const int32_t* parents, int64_t n);
// The same for n decoders of one program, of one sequence each, without padding and without an open tree: each reads T[i] of
// the ids, which lie one behind the other, over its own cache, and of each the last rows[i] positions are kept. The first one
// runs the program, with its own parameters and tables, and has the kept rows of all, in order, for choices and logits.
// The numbers are those of one call each, bit by bit. Programs with keep or give instructions are not run together. An error
// leaves the positions of all as they were.
WINNOW_API int32_t winnow_decode_extend_together(const double* decoders, int64_t n, const int32_t* ids, const int32_t* T, const int32_t* rows);
// Ends the tree: of its nodes those of a path [n] become text, the others are forgotten.
WINNOW_API void winnow_decode_keep(void* decoder, const int32_t* path, int64_t n);
// Forgets all positions from `length` on, and ends a tree.
WINNOW_API void winnow_decode_rollback(void* decoder, int64_t length);

// Weights that stay in the bfloat16 of a file ("halves"): N rows of K, not filled, aligned to 64 bytes; null without
// memory, or for a K that is no multiple of 32. Their address with its lowest bit set goes wherever a weight's address goes:
// tables of tokens, weights of linear and siluGate, the head, and the head of a screen. Products widen them in registers, so
// the numbers are those of the same weights in float32, bit by bit; bound as `rounded` they are read as rounded copies are.
// winnow_rounded_free frees them.
WINNOW_API void* winnow_halves_new(int64_t N, int64_t K);
// n halves that lie in an open file, from the byte `offset` on: its pages are mapped, so they are no second copy, and other
// processes share them. Null where the system cannot, or for an offset that is no multiple of 4; winnow_halves_unmap frees
// them. The file may be closed; a process ends that reads where another has cut the file.
WINNOW_API void* winnow_halves_map(int fd, int64_t offset, int64_t n);
WINNOW_API void winnow_halves_unmap(void* values, int64_t n);
// The first of n values that is NaN or infinite, -1 if there is none.
WINNOW_API int64_t winnow_halves_not_finite(const uint16_t* values, int64_t n);
// The values in float32.
WINNOW_API void winnow_halves_widen(const uint16_t* from, int64_t n, float* to);
// n values of IEEE's half precision (float16) in float32.
WINNOW_API void winnow_float16_widen(const uint16_t* from, int64_t n, float* to);

// n float32 weights, not filled, aligned to 64 bytes; null without memory. winnow_rounded_free frees them.
WINNOW_API void* winnow_floats_new(int64_t n);
// The first of n float32 values that is NaN or infinite, -1 if there is none.
WINNOW_API int64_t winnow_floats_not_finite(const uint32_t* values, int64_t n);
// Weights in 8 bits by blocks (decode-blocks.h), aligned to 64 bytes; null without memory. Their address with its second bit set
// goes wherever that of halves goes. Products round their inputs in the same way. winnow_rounded_free frees them.
WINNOW_API void* winnow_blocks_new(int64_t N, int64_t K);
// Sets `rows` rows from row `from` on by values [rows, K]. The index of the first value that is NaN or infinite, then the blocks
// are void; else -1.
WINNOW_API int64_t winnow_blocks_set(void* blocks, int64_t K, int64_t from, int64_t rows, const float* values);
// The numbers [rows, K] of the rows from `from` on, in float32.
WINNOW_API void winnow_blocks_widen(const void* blocks, int64_t K, int64_t from, int64_t rows, float* to);

// Decoders, screens, halves, blocks and rounded copies that have not been freed, and the bytes of caches, screens and copies.
WINNOW_API int64_t winnow_decode_live(void);
WINNOW_API int64_t winnow_decode_live_bytes(void);

// The screen of a head [V, d], copied into 8 bits; null without memory.
WINNOW_API void* winnow_screen_new(const float* head, int64_t V, int64_t d);
WINNOW_API void winnow_screen_free(void* screen);
// A copy of a weight [N, K] in bfloat16, for winnow_decode_bind: its address, aligned to 64 bytes; null without memory.
WINNOW_API void* winnow_rounded_new(const float* weight, int64_t N, int64_t K);
WINNOW_API void winnow_rounded_free(void* copy);
// Hidden rows whose best token the screen left open: the whole head was read. The count is over all decoders in the process.
WINNOW_API int64_t winnow_screen_misses(void);

// p[v] = exp((logits[v] - largest) / temperature) / sum, in double precision; 1 if every logit is a number and the largest
// finite, else 0 (p is then not to be used). `largest` and the place of the first that equals it go to top[0], top[1].
WINNOW_API int32_t winnow_softmax(const float* logits, int64_t V, double temperature, double* p, double* top);

// The `count` most probable ids of each of R rows of logits [R, V], in falling order, the lower of equal ones first, and their
// probabilities: both [R, count]. Sums are in float32, so a probability is within 1e-5 of that of winnow_softmax, relatively.
// Without as many ids the rest are -1; a row that has no distribution has -1 alone. 0, or 1 without memory.
WINNOW_API int32_t winnow_likeliest(const float* logits, int64_t R, int64_t V, double temperature, int64_t count, int32_t* ids, double* p);

// An id drawn from the distribution of each of R rows of logits [R, V]: the first whose cumulative probability exceeds u[r]
// in [0, 1), probabilities as of winnow_softmax added in the order of ids; -1 for a row of u below 0, which is skipped, and
// for logits that have no distribution. 0, or 1 without memory.
WINNOW_API int32_t winnow_draw(const float* logits, int64_t R, int64_t V, double temperature, const double* u, int32_t* ids);
