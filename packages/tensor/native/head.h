// The vocabulary head, fused with the uses of its logits: statistics of every row, and the gradient of a loss on some.
// Logits exist for a block of the vocabulary and a panel of rows at a time, in the first-level cache; nothing of size
// [N, V] exists, but what a caller gives memory to keep (head-kept.h).
//
// Logits are computed transposed, vocabulary x rows: the head's weights [V, d] are used in place, only the small hidden
// states are packed, and a lane of a vector is a row, so that every sum over the vocabulary is lane-wise.
//
// The order of sums depends only on the sizes, not on the threads; at most 16 threads have work (`head_parts`).
//
// Letters: N rows (tokens), K kept rows, V vocabulary, d and D hidden sizes; p target, q draft, r reference; z logits /
// temperature, for p also / target_temperature.
#pragma once
#include <cstdint>

namespace winnow {

// One model's side. All null / 0 if the model is not requested.
struct HeadSide {
  const float* h;     // [N, d] hidden states
  const float* head;  // [V, d]; of a model without a gradient float32 or halves (`halves_at`)
  int64_t d;
  double cap = 0;     // logits are cap tanh(x / cap) of the products x, before temperatures divide them; 0 for none
};

// The statistics of one model, each [N] or null.
struct HeadOfModel {
  float* log_sum_exp;  // log sum_v exp(z_v)
  float* nll;          // -log softmax(z)[gold]; needs gold
  float* entropy;      // nats
  float* top;          // the largest probability
  int32_t* argmax;     // its id, the lowest of equal ones
};

// The statistics of a model q beside the target p, each [N] or null.
struct HeadOfPair {
  float* kl;           // sum p (log p - log q), nats
  float* reverse_kl;   // sum q (log q - log p), nats
  float* hellinger;    // sqrt(1 - sum sqrt(p q)), 0 to 1
  // From here on with normalised probabilities, which takes a second pass.
  float* acceptance;   // sum min(p, q)
  float* tvd;          // 1/2 sum |p - q|
  float* sign;         // sum q sign(q - p)
  float* reward;       // sum q r, r = 1 where p > q, else 0
  float* reward_count; // sum r
  float* reward_log;   // sum r log q
  float* log_sum;      // sum log q
  float* jsd_forward;  // KL(p || m), m = beta p + (1 - beta) q
  float* jsd_reverse;  // KL(q || m)
  float* mixed;        // sum p q / m
  float* log_acceptance;  // log sum min(p, q), also where every term underflows
  float* below;        // sum of q where q < p and of q / 2 where equal, over sum min(p, q)
};

// Every field has 8 bytes, so that it can be filled as an array of 64-bit numbers.
struct HeadStatistics {
  int64_t precision;  // 0 float32, 1 bfloat16
  int64_t N, V;
  double temperature;  // logits are divided by it
  double target_temperature;  // the target's logits are divided by it too
  double beta;         // of the Jensen-Shannon divergence
  const int32_t* gold; // [N] or null
  HeadSide target, draft, reference;
  HeadOfModel of_target, of_draft, of_reference;
  HeadOfPair draft_pair, reference_pair;
  // Chosen tokens of each row, in the draft's logits: where the target is known in part.
  int64_t k;              // entries a row, 0 for none
  const int32_t* ids;     // [N, k], in any order; may repeat
  float* entry_logits;    // [N, k]: z of each entry
  int64_t exclude;        // not 0: the draft's log_sum_exp is of the tokens that are no entry; nothing else of the draft may be asked
  // Tokens drawn from the draft by inverse CDF at (u + i / samples) mod 1, in increasing order of those points; needs the target.
  int64_t samples;       // draws a row, 0 for none
  const float* uniform;  // [N], u in [0, 1)
  int32_t* drawn;        // [N, samples]: ids
  float* drawn_log;      // [N, samples]: log q of each
  float* drawn_reward;   // [N, samples]: 1 where p > q, else 0
  // Memory for logits of the target that a gradient at the same temperatures reads again, from a cache line on; null for
  // none. As many tiles of the vocabulary are kept as it holds; the target must be requested.
  float* kept;
  int64_t kept_bytes;
};

// The k most probable tokens of each row of one model, and the mass of the others.
struct HeadTop {
  int64_t precision;  // 0 float32, 1 bfloat16
  int64_t N, V;
  HeadSide side;
  int64_t k;       // 1 to V
  int64_t stride;  // numbers from a row of the outputs to the next
  int32_t* ids;    // k a row: the most probable first, of equal ones the lowest id
  float* log_p;    // k a row: log softmax(z)
  float* tail;     // 1 a row: sum of p over the other tokens, in itself exact to rounding; 0 for k = V
};

// d loss / d z of a row, up to the row's weight; c a number a row, a and b numbers for all.
enum class HeadForm : int64_t {
  // 0 is free
  KL = 1,             // q - p
  REVERSE_KL = 2,     // q (log q - log p - c), c = KL(q || p)
  JSD = 3,            // (1 - a) q (log q - log m - c), a = beta, c = KL(q || m)
  TVD = 4,            // 1/2 q (s - c), s = sign(q - p), c = sum q s
  REWARD = 5,         // -q (r - c), c = sum q r
  UNIFORM = 6,        // q c - (r - e), c = sum r - V e, e a second number a row
  NEG_LOG_ACCEPTANCE = 8,  // q e - w / sum min(p, q), w = q where q < p, q / 2 where equal, else 0; c = log sum min(p, q)
  LK = 9,             // e (q - p) + (1 - e) 1/2 q (s - c), s = sign(q - p), c = sum q s
  SKEWED = 10,        // (1 - a) q (c - p / m), a = beta, c = sum p q / m
  REVERSE_SKEWED = 11,  // q (log q - log m - (1 - a) q / m - c), a = beta
  SOFTMAX = 7,        // c q; with entries: cross-entropy, and targets known in part
};

struct HeadGradient {
  int64_t precision;
  int64_t K, V;
  HeadForm form;
  double temperature, target_temperature, a;
  int64_t k;                // entries a row, 0 for none
  const int32_t* ids;       // [K, k], in any order; may repeat
  const float* delta;       // [K, k]: added to the row's gradient at the entry (weight not applied), or put in its place: the last of equal ids
  int64_t replace;
  HeadSide target, draft;   // of the kept rows
  const float* lse_target;  // [K], at the temperatures
  const float* lse_draft;
  const float* weight;      // [K]: multiplies the row's gradient
  const float* c;           // [K] or null
  const float* e;           // [K] or null
  float* dh;                // [K, d]: overwritten
  float* dhead;             // [V, d]: overwritten (with 0 for K = 0), or added to; null for a head whose gradient is not wanted
  int64_t add_to_head;
  float* kept;              // logits kept by a statistics pass over kept_N rows, or null; the gradient has the same bits
  int64_t kept_bytes, kept_N;
  const int32_t* kept_rows; // [K]: the rows' numbers in that pass
};

}  // namespace winnow
