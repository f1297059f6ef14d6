// Gradient of the kept rows: logits recomputed from the known log-sum-exps, one pass over the vocabulary.
//
// Each part of the vocabulary owns its rows of dHead and writes them once; dh is summed over parts, always in the same
// order.
#include <cmath>

#include "guard.h"
#include "head-kept.h"
#include "head-tiles.h"
#include "pool.h"

namespace winnow {
namespace {

// Tiles of logits that are turned into gradients before the two products: enough to make these long.
constexpr long BLOCK = 2 * HEAD_TILE;

bool needs_target(HeadForm form) { return form != HeadForm::SOFTMAX; }

// The numbers of a panel's rows.
struct Rows {
  const float *lse_p, *lse_q, *weight, *c, *e;
};

// g = weight * d loss / d z of one tile, in place of the draft's logits.
template <HeadForm FORM>
void gradient_tile(float* zq, const float* zp, long rows, const Rows& of, float a) {
  for (int q = 0; q < 2; q++) {
    const int at = q * LANES;
    const vf lq = load(of.lse_q + at), lp = load(of.lse_p + at), w = load(of.weight + at), c = load(of.c + at), e = load(of.e + at);
    const vf b = splat(a), b1 = splat(1.f - a), tiny = splat(1.1754944e-38f), half = splat(0.5f), one = splat(1.f);
    for (long r = 0; r < rows; r++) {
      float* z = zq + r * COLS + at;
      const vf log_q = load(z) - lq, Q = vexp(log_q);
      vf log_p = zero(), P = zero(), g;
      if constexpr (FORM != HeadForm::SOFTMAX) log_p = load(zp + r * COLS + at) - lp;
      if constexpr (FORM != HeadForm::SOFTMAX && FORM != HeadForm::REVERSE_KL) P = vexp(log_p);
      if constexpr (FORM == HeadForm::SOFTMAX) g = c * Q;
      if constexpr (FORM == HeadForm::KL) g = Q - P;
      if constexpr (FORM == HeadForm::REVERSE_KL) g = Q * (log_q - log_p - c);
      if constexpr (FORM == HeadForm::JSD) {
        const vf mix = vmax(tiny, b * P + b1 * Q);
        vf log_m;
        for (int i = 0; i < LANES; i++) log_m[i] = std::log(mix[i]);
        g = b1 * Q * (log_q - log_m - c);
      }
      if constexpr (FORM == HeadForm::NEG_LOG_ACCEPTANCE) {
        const vf share = select(log_p > log_q, one, select(log_q > log_p, zero(), half));
        g = Q * e - share * vexp(vmin(log_q - c, zero()));
      }
      if constexpr (FORM == HeadForm::LK)
        g = e * (Q - P) + (one - e) * half * Q * (select(Q > P, one, select(P > Q, -one, zero())) - c);
      if constexpr (FORM == HeadForm::SKEWED) g = b1 * Q * (c - P / vmax(tiny, b * P + b1 * Q));
      if constexpr (FORM == HeadForm::REVERSE_SKEWED) {
        const vf mix = vmax(tiny, b * P + b1 * Q);
        vf log_m;
        for (int i = 0; i < LANES; i++) log_m[i] = std::log(mix[i]);
        g = Q * (log_q - log_m - b1 * Q / mix - c);
      }
      if constexpr (FORM == HeadForm::TVD) g = half * Q * (select(Q > P, one, select(P > Q, -one, zero())) - c);
      if constexpr (FORM == HeadForm::REWARD) g = -Q * (select(P > Q, one, zero()) - c);
      if constexpr (FORM == HeadForm::UNIFORM) g = Q * c - (select(P > Q, one, zero()) - e);
      store(z, g * w);
    }
  }
}

typedef void (*TileFunction)(float*, const float*, long, const Rows&, float);
TileFunction tile_function(HeadForm form) {
  switch (form) {
    case HeadForm::KL: return gradient_tile<HeadForm::KL>;
    case HeadForm::REVERSE_KL: return gradient_tile<HeadForm::REVERSE_KL>;
    case HeadForm::JSD: return gradient_tile<HeadForm::JSD>;
    case HeadForm::TVD: return gradient_tile<HeadForm::TVD>;
    case HeadForm::REWARD: return gradient_tile<HeadForm::REWARD>;
    case HeadForm::UNIFORM: return gradient_tile<HeadForm::UNIFORM>;
    case HeadForm::NEG_LOG_ACCEPTANCE: return gradient_tile<HeadForm::NEG_LOG_ACCEPTANCE>;
    case HeadForm::LK: return gradient_tile<HeadForm::LK>;
    case HeadForm::SKEWED: return gradient_tile<HeadForm::SKEWED>;
    case HeadForm::REVERSE_SKEWED: return gradient_tile<HeadForm::REVERSE_SKEWED>;
    case HeadForm::SOFTMAX: return gradient_tile<HeadForm::SOFTMAX>;
  }
  return nullptr;
}

template <class P>
void gradient(const HeadGradient& s) {
  typedef typename P::unit unit;
  const long d = s.draft.d, V = s.V;
  const bool target = needs_target(s.form), of_head = s.dhead != nullptr;
  const float scale = scale_of_draft(s.temperature), target_scale = scale_of_target(s.temperature, s.target_temperature);
  const TileFunction make = tile_function(s.form);
  const long parts = head_parts(V);
  const long d_panels = panels(d);
  PackedHidden<P> draft_hidden, target_hidden;
  Buffer rows_memory, values_memory, sums_memory;
  Entries entries;
  const KeptTiles kept(s.kept, s.kept_bytes, s.kept_N, V);
  for (long row = 0; row < s.K; row += HEAD_ROWS) {
    const long n = std::min<long>(HEAD_ROWS, s.K - row), J = panels(n), padded = J * COLS;
    HeadSide draft = s.draft, of_target = s.target;
    draft_hidden.pack(draft, row, n, scale);
    if (target) target_hidden.pack(of_target, row, n, target_scale);
    if (s.k > 0) entries.sort(s.ids + row * s.k, n, s.k);
    // The numbers of each row; padded rows have weight 0.
    float* numbers = rows_memory.of<float>(5 * padded);
    std::memset(numbers, 0, 5 * padded * sizeof(float));
    const float* columns[5] = {s.lse_target, s.lse_draft, s.weight, s.c, s.e};
    for (int i = 0; i < 5; i++)
      if (columns[i]) std::memcpy(numbers + i * padded, columns[i] + row, n * sizeof(float));
    // A second copy of the hidden states, as the B operand of dHead = g . h: columns are features, k are rows.
    const long u_rows = units<P>(padded);
    unit* values = values_memory.of<unit>(of_head ? static_cast<size_t>(d_panels) * u_rows * COLS : 0);
    if (of_head) parallel(d_panels, [&](long j) {
      pack_panel_cols<P>(s.draft.h + row * d + j * COLS, d, std::min<long>(COLS, d - j * COLS), n, values + j * u_rows * COLS);
      // Units of k beyond the n rows.
      const long have = units<P>(n);
      std::memset(values + (j * u_rows + have) * COLS, 0, (u_rows - have) * COLS * sizeof(unit));
    });
    const size_t sums_size = static_cast<size_t>(d) * padded;
    float* sums = sums_memory.of<float>(parts * sums_size);

    parallel(parts, [&](long part) {
      static thread_local Entries::Cursor cursor;
      static thread_local Buffer draft_block, target_block, tile_memory, by_rows_memory, by_panels_memory, transposed_memory;
      float* dh = sums + part * sums_size;  // [d, padded], transposed
      float* zq = tile_memory.of<float>(3 * HEAD_TILE * COLS);
      float *zp = zq + HEAD_TILE * COLS, *slope = zp + HEAD_TILE * COLS;
      const SoftCap& cap = draft_hidden.cap();
      const long u_block = units<P>(BLOCK);
      unit* by_rows = by_rows_memory.of<unit>(static_cast<size_t>(round_up(BLOCK, P::ROW_PAD)) * u_rows);  // g [ids, rows]
      unit* by_panels = by_panels_memory.of<unit>(static_cast<size_t>(J) * u_block * COLS);                // g as panels, k = ids
      unit* transposed = transposed_memory.of<unit>(transposed_size<P>(d, BLOCK));                         // head [ids, d] transposed
      const long v0 = part_begin(V, parts, part, BLOCK), v1 = part_begin(V, parts, part + 1, BLOCK);  // At least one block.
      if (s.k > 0) cursor.begin(entries, n, v0);
      for (long v = v0; v < v1; v += BLOCK) {
        const long block = std::min<long>(BLOCK, v1 - v), u = units<P>(block);
        for (long t = 0; t < block; t += HEAD_TILE) {
          const long ids = std::min<long>(HEAD_TILE, block - t);
          const unit* head_q = head_block<P>(draft, v + t, ids, draft_block);
          const long slot = target ? kept.slot(v + t) : -1;
          const unit* head_p = target && slot < 0 ? head_block<P>(of_target, v + t, ids, target_block) : nullptr;
          for (long j = 0; j < J; j++) {
            strip<P>(ids, draft_hidden.u(), head_q, P::PER == 1 ? d : draft_hidden.u(), draft_hidden.panel(j), zq, COLS, false);
            draft_hidden.finish(zq, ids);
            for (long i = 0; cap.on() && i < ids * COLS; i += LANES) store(slope + i, cap.slope(load(zq + i)));
            if (slot >= 0) kept.take(slot, s.kept_rows + row + j * COLS, std::min<long>(COLS, n - j * COLS), zp);
            else if (target) {
              strip<P>(ids, target_hidden.u(), head_p, P::PER == 1 ? of_target.d : target_hidden.u(), target_hidden.panel(j), zp, COLS, false);
              target_hidden.finish(zp, ids);
            }
            const float* at = numbers + j * COLS;
            make(zq, zp, ids, Rows{at, at + padded, at + 2 * padded, at + 3 * padded, at + 4 * padded}, static_cast<float>(s.a));
            if (s.k > 0)
              for (long c = 0; c < std::min<long>(COLS, n - j * COLS); c++) {
                const float* delta = s.delta + (row + j * COLS + c) * s.k;
                cursor.upto(j * COLS + c, v + t + ids, [&](int32_t id, int32_t slot) {
                  float& g = zq[(id - v - t) * COLS + c];
                  g = s.replace ? delta[slot] : g + delta[slot];
                });
              }
            for (long i = 0; cap.on() && i < ids * COLS; i += LANES) store(zq + i, load(zq + i) * load(slope + i));
            // Both layouts of g, in the precision of the products.
            if constexpr (P::PER == 1) {
              for (long r = 0; r < ids; r++) {
                if (of_head) std::memcpy(by_rows + (t + r) * u_rows + j * COLS, zq + r * COLS, COLS * sizeof(float));
                std::memcpy(by_panels + (j * u_block + t + r) * COLS, zq + r * COLS, COLS * sizeof(float));
              }
            } else {
              for (long r = 0; of_head && r < ids; r++) {
                uint16_t* to = reinterpret_cast<uint16_t*>(by_rows + (t + r) * u_rows) + j * COLS;
                store_bf16(to, load(zq + r * COLS));
                store_bf16(to + LANES, load(zq + r * COLS + LANES));
              }
              for (long r = 0; r < ids; r += 2)
                for (int q = 0; q < COLS; q += LANES)
                  store_units(by_panels + (j * u_block + (t + r) / 2) * COLS + q,
                              pair_bf16(load(zq + r * COLS + q), r + 1 < ids ? load(zq + (r + 1) * COLS + q) : zero()));
            }
          }
        }
        if constexpr (P::PER == 2)  // Units that AMX reads beyond the last id.
          for (long j = 0; j < J; j++) {
            const long have = (block + 1) / 2;
            std::memset(by_panels + (j * u_block + have) * COLS, 0, (u - have) * COLS * sizeof(unit));
          }
        // The dHead rows of this block.
        const bool add = s.add_to_head != 0 || row > 0;
        for (long j = 0; of_head && j < d_panels; j++) {
          const long cols = std::min<long>(COLS, d - j * COLS);
          float* out = s.dhead + v * d + j * COLS;
          const unit* b = values + j * u_rows * COLS;
          if (cols == COLS) {
            strip<P>(block, u_rows, by_rows, u_rows, b, out, d, add);
            continue;
          }
          alignas(64) float edge[P::ROW_TILE * COLS];
          for (long r = 0; r < block; r += P::ROW_TILE) {
            const long count = std::min<long>(P::ROW_TILE, block - r);
            micro<P>(static_cast<int>(count), u_rows, by_rows + r * u_rows, u_rows, b, edge, COLS, false);
            for (long i = 0; i < count; i++)
              for (long k = 0; k < cols; k++) out[(r + i) * d + k] = edge[i * COLS + k] + (add ? out[(r + i) * d + k] : 0);
          }
        }
        // dh += g^T . head, transposed: [d, rows] += head^T [d, ids] . g [ids, rows]
        constexpr Order ORDER = transposed_order<P>();
        const unit* a;
        long lda;
        if constexpr (P::PER == 1) {
          a = s.draft.head + v * d;
          lda = d;
        } else {
          pack_transposed<P>(s.draft.head + v * d, d, d, block, transposed);
          a = transposed;
          lda = transposed_ld<P>(d, block);
        }
        for (long j = 0; j < J; j++) strip<P, ORDER>(d, u, a, lda, by_panels + j * u_block * COLS, dh + j * COLS, padded, v > v0);
      }
    });

    // Sums over parts, and back to [rows, d].
    const long chunk = 32;
    parallel((d + chunk - 1) / chunk, [&](long piece) {
      const long k1 = std::min(d, (piece + 1) * chunk);
      for (long k = piece * chunk; k < k1; k++) {
        float* sum = sums + k * padded;
        for (long part = 1; part < parts; part++) {
          const float* more = sums + part * sums_size + k * padded;
          for (long i = 0; i < padded; i += LANES) store(sum + i, load(sum + i) + load(more + i));
        }
      }
      for (long i = 0; i < n; i++)
        for (long k = piece * chunk; k < k1; k++) s.dh[(row + i) * d + k] = sums[k * padded + i];
    });
  }
}

}  // namespace
}  // namespace winnow

// See HeadGradient in head.h. Returns 0, or 1 if memory does not suffice.
WINNOW_API int winnow_head_gradient(const winnow::HeadGradient* s) {
  if (s->K == 0 && s->add_to_head == 0 && s->dhead != nullptr) std::memset(s->dhead, 0, static_cast<size_t>(s->V * s->draft.d) * sizeof(float));
  return winnow::guarded([&] { s->precision == 1 ? winnow::gradient<winnow::BF16>(*s) : winnow::gradient<winnow::F32>(*s); });
}
