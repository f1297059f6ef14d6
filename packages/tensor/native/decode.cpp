#include "decode.h"

#include <algorithm>
#include <vector>

#include "decode-attention.h"
#include "decode-head.h"
#include "decode-instruction.h"
#include "decode-linear.h"
#include "decode-live.h"
#include "gemm.h"
#include "pool.h"

namespace winnow::decode {
namespace {

// Rows that scratch memory holds at most, if a single position of all sequences does not need more.
constexpr long MOST_ROWS = 256;

// Cosines and sines by position.
struct Tables {
  std::vector<float> cos, sin;
};

class Decoder {
 public:
  Decoder(const double* words, long n) {
    auto whole = [&](long i) { return static_cast<long>(words[i]); };
    d_ = whole(0);
    V_ = whole(1);
    U_ = whole(2);
    caches_ = std::vector<LayerCache>(static_cast<size_t>(whole(3)));
    heads_ = {whole(4), whole(5), whole(6), static_cast<HeadOrder>(whole(7))};
    tables_ = std::vector<Tables>(static_cast<size_t>(whole(8)));
    const long slots = whole(9), instructions = whole(10);
    for (long s = 0; s < slots; s++) widths_.push_back(whole(11 + s));
    for (long i = 0; i < instructions; i++) {
      const double* at = words + 11 + slots + i * WORDS;
      if (at + WORDS > words + n) break;
      Instruction in{};
      in.op = static_cast<Op>(static_cast<int>(at[0]));
      in.from = static_cast<int>(at[1]);
      in.to = static_cast<int>(at[2]);
      for (int p = 0; p < 4; p++) in.p[p] = static_cast<int>(at[3 + p]);
      in.outputs = static_cast<long>(at[7]);
      if (in.op == Op::ATTEND) in.cap = static_cast<float>(at[8]);
      else in.flags = static_cast<int>(at[8]);
      in.column = static_cast<long>(at[9]);
      in.eps = static_cast<float>(at[10]);
      in.layer = static_cast<int>(at[11]);
      program_.push_back(in);
    }
    slots_ = std::vector<Buffer>(widths_.size());
    for (const Instruction& in : program_)
      if (in.op == Op::KEEP) kept_widths_.push_back(widths_[static_cast<size_t>(in.from)]);
    kept_ = std::vector<Buffer>(kept_widths_.size());
    live++;
  }
  ~Decoder() {
    live--;
    live_bytes -= counted_;
  }

  void start(long B, const int32_t* pad) {
    if (B != B_) caches_ = std::vector<LayerCache>(caches_.size());
    B_ = B;
    P_ = 0;
    rows_ = 0;
    pad_.clear();
    end_tree();
    if (pad) pad_.assign(pad, pad + B);
    count();
  }
  void bind(const double* addresses, long n, bool rounded) {
    rounded_ = rounded;
    parameters_.clear();
    for (long i = 0; i < n; i++)
      parameters_.push_back(reinterpret_cast<const float*>(static_cast<uintptr_t>(addresses[i])));
  }
  void rotary(long place, const float* cos, const float* sin, long n) {
    Tables& of = tables_[static_cast<size_t>(place)];
    of.cos.assign(cos, cos + n);
    of.sin.assign(sin, sin + n);
  }
  void rollback(long length) {
    P_ = length;
    end_tree();
  }
  void keep(const int32_t* path, long n) {
    for (long i = 0; i < n; i++)
      if (path[i] != i)
        for (auto& cache : caches_) cache.move(0, base_ + path[i], base_ + i);
    rollback(base_ + n);
  }

  int extend(const int32_t* ids, long T, long rows, float* h, const int32_t* parents, long nodes) {
    for (long i = 0; i < B_ * T; i++) {
      if (ids[i] < 0) return WINNOW_DECODE_NEGATIVE_ID;
      if (ids[i] >= V_) return WINNOW_DECODE_BAD_ID - ids[i];
    }
    for (auto& cache : caches_) cache.reserve(B_, P_ + T, P_, heads_);
    count();
    grow_tree(parents, nodes, P_ + T - nodes);
    rows_ = last_ = rows;
    asked_ = RESULT;
    result_.of<float>(static_cast<size_t>(B_ * rows * d_));
    const long step = std::max<long>(1, MOST_ROWS / B_);
    for (long t = 0; t < T; t += step) run(ids, T, t, std::min(step, T - t));
    P_ += T;
    given_ = {};
    if (h) std::memcpy(h, result(), static_cast<size_t>(B_ * rows * d_) * 4);
    return WINNOW_DECODE_OK;
  }

  // The new tokens of one of several decoders of one sequence each, of which the last `rows` are kept.
  struct Part {
    Decoder* of;
    const int32_t* ids;
    long T, rows, kept;  // kept: rows that the parts before keep
  };

  // Extends the decoders of all parts, of which the first one runs the program over the rows of all, and keeps their rows.
  static int together(const std::vector<Part>& parts) {
    Decoder& first = *parts[0].of;
    const Part& last = parts.back();
    for (const Part& part : parts)
      for (long i = 0; i < part.T; i++) {
        if (part.ids[i] < 0) return WINNOW_DECODE_NEGATIVE_ID;
        if (part.ids[i] >= first.V_) return WINNOW_DECODE_BAD_ID - part.ids[i];
      }
    for (const Part& part : parts) {
      Decoder& of = *part.of;
      for (auto& cache : of.caches_) cache.reserve(1, of.P_ + part.T, of.P_, of.heads_);
      of.count();
    }
    first.rows_ = first.last_ = last.kept + last.rows;
    first.asked_ = RESULT;
    first.result_.of<float>(static_cast<size_t>(first.rows_ * first.d_));
    std::vector<Piece> pieces;
    long M = 0;
    auto run = [&] {
      if (M > 0) first.run_pieces(pieces, M);
      pieces.clear();
      M = 0;
    };
    for (const Part& part : parts)
      for (long from = 0; from < part.T;) {
        const long T = std::min(part.T - from, MOST_ROWS - M);
        pieces.push_back({&part, from, T, M});
        M += T;
        from += T;
        if (M == MOST_ROWS) run();
      }
    run();
    for (const Part& part : parts) {
      part.of->P_ += part.T;
      if (part.of != &first) part.of->rows_ = 0;
    }
    return WINNOW_DECODE_OK;
  }

  void cap(double cap) { cap_ = SoftCap(static_cast<float>(cap)); }
  // The rows that the next call runs on: N of `width` columns, and lists of N token ids.
  void give(const float* rows, long width, const int32_t* tokens) { given_ = {rows, width, tokens}; }
  // The rows of which choices and logits are asked: the last ones of each sequence, fewer than all of one sequence alone, of
  // the result (-1) or of matrix i of the kept ones.
  void ask(long rows, long i) {
    last_ = rows;
    asked_ = i;
  }
  const float* kept(long i) { return kept_[static_cast<size_t>(i)].of<float>(1); }

  int choose(const float* head, long U, const Screen* screen, int32_t* argmax, float* margin) {
    const long open = greedy(weights_at(head), U, asked_width(), screen, asked(), B_ * last_, cap_, argmax, margin);
    if (screen) misses += open;
    return WINNOW_DECODE_OK;
  }

  const float* logits(const float* head, long U) {
    const long R = B_ * last_, d = asked_width();
    float* out = logits_.of<float>(static_cast<size_t>(R * U));
    linear(weights_at(head), U, d, asked(), d, R, out, U, {});
    if (cap_.on()) parallel(R, [&](long r) { cap_.apply(out + r * U, U); });
    return out;
  }

 private:
  float* result() { return result_.of<float>(1); }
  long asked_width() const { return asked_ == RESULT ? d_ : kept_widths_[static_cast<size_t>(asked_)]; }
  const float* asked() { return (asked_ == RESULT ? result() : kept(asked_)) + (rows_ - last_) * asked_width(); }
  float* slot(int s, long M) { return slots_[static_cast<size_t>(s)].of<float>(static_cast<size_t>(M * widths_[static_cast<size_t>(s)])); }
  const float* parameter(int p) const { return p < 0 ? nullptr : parameters_[static_cast<size_t>(p)]; }
  Weights weights(int p) const {
    const float* at = parameter(p);
    const Weights found = weights_at(at);
    if (!rounded_ || found.blocks) return found;
    return {nullptr, found.halves ? found.halves : reinterpret_cast<const uint16_t*>(at), nullptr};
  }

  void end_tree() {
    parent_.clear();
    depth_.clear();
  }
  void grow_tree(const int32_t* parents, long nodes, long base) {
    if (nodes > 0 && parent_.empty()) base_ = base;
    for (long i = 0; i < nodes; i++) {
      depth_.push_back(parents[i] < 0 ? 0 : depth_[static_cast<size_t>(parents[i])] + 1);
      parent_.push_back(parents[i]);
    }
  }
  // The position of a slot of the cache.
  long position(long slot) const { return parent_.empty() || slot < base_ ? slot : base_ + depth_[static_cast<size_t>(slot - base_)]; }

  // Counts the bytes of the caches among the bytes that live.
  void count() {
    long bytes = 0;
    for (const auto& cache : caches_) bytes += cache.bytes();
    live_bytes += bytes - counted_;
    counted_ = bytes;
  }

  // The positions from to from + T of the `all` new ones, of every sequence.
  void run(const int32_t* ids, long all, long from, long T) {
    const long M = B_ * T;
    for (const Instruction& in : program_) {
      const bool reads = in.op != Op::EMBED && in.op != Op::GIVE;
      const float* x = reads ? slot(in.from, M) : nullptr;
      const long ldx = reads ? widths_[static_cast<size_t>(in.from)] : 0;
      if (in.op == Op::KEEP) {
        keep(in, x, ldx, all, from, T);
        continue;
      }
      if (in.to == RESULT) {
        finish(in, x, ldx, all, from, T);
        continue;
      }
      float* y = slot(in.to, M);
      const long ldy = widths_[static_cast<size_t>(in.to)];
      switch (in.op) {
        case Op::EMBED:
          embed(in, ids, all, from, T, y, ldy);
          break;
        case Op::ATTEND: {
          const Tree tree{base_, parent_.data(), depth_.data()};
          attend(x, ldx, y, ldy, caches_[static_cast<size_t>(in.layer)], heads_, rotation(in), SoftCap(in.cap), in.column, B_, T, P_ + from,
                 pad_.empty() ? nullptr : pad_.data(), parent_.empty() ? nullptr : &tree);
          break;
        }
        case Op::GIVE:
          for (long b = 0; b < B_; b++)
            for (long t = 0; t < T; t++)
              std::memcpy(y + (b * T + t) * ldy, given_.rows + (b * all + from + t) * given_.width + in.column,
                          static_cast<size_t>(ldy) * 4);
          break;
        default: each_row(in, x, ldx, M, y, ldy);
      }
    }
  }

  // A run of positions of a part, whose rows begin at `row`.
  struct Piece {
    const Part* part;
    long from, T, row;
  };

  // The same for pieces of M rows in all, each over the cache of its own decoder.
  void run_pieces(const std::vector<Piece>& pieces, long M) {
    for (const Instruction& in : program_) {
      const bool reads = in.op != Op::EMBED;
      const float* x = reads ? slot(in.from, M) : nullptr;
      const long ldx = reads ? widths_[static_cast<size_t>(in.from)] : 0;
      if (in.to == RESULT) {
        for (const auto& [part, from, T, row] : pieces)
          for (long t = std::max(from, part->T - part->rows); t < from + T; t++)
            finish_row(in, x + (row + t - from) * ldx, ldx, result() + (part->kept + t - (part->T - part->rows)) * d_);
        continue;
      }
      float* y = slot(in.to, M);
      const long ldy = widths_[static_cast<size_t>(in.to)];
      if (in.op == Op::EMBED) {
        for (const auto& [part, from, T, row] : pieces)
          for (long t = 0; t < T; t++) embed_row(in, part->ids[from + t], part->of->P_ + from + t, y + (row + t) * ldy, ldy);
      } else if (in.op == Op::ATTEND) {
        parallel(static_cast<long>(pieces.size()), [&](long p) {
          const auto& [part, from, T, row] = pieces[static_cast<size_t>(p)];
          attend(x + row * ldx, ldx, y + row * ldy, ldy, part->of->caches_[static_cast<size_t>(in.layer)], heads_,
                 rotation(in), SoftCap(in.cap), in.column, 1, T, part->of->P_ + from, nullptr, nullptr);
        });
      } else each_row(in, x, ldx, M, y, ldy);
    }
  }

  Rotation rotation(const Instruction& in) const {
    const Tables& tables = tables_[static_cast<size_t>(in.p[0])];
    return {tables.cos.data(), tables.sin.data(), in.outputs, in.eps};
  }

  // An instruction that computes each of M rows by itself.
  void each_row(const Instruction& in, const float* x, long ldx, long M, float* y, long ldy) {
    switch (in.op) {
      case Op::LAYER_NORM:
      case Op::RMS_NORM:
        norm(in, x, ldx, M, y, ldy);
        break;
      case Op::LINEAR: {
        y += in.column;
        const Activation activation = (in.flags & GELU) != 0        ? Activation::GELU
                                      : (in.flags & GELU_TANH) != 0 ? Activation::GELU_TANH
                                      : (in.flags & SILU) != 0      ? Activation::SILU
                                                                    : Activation::NONE;
        const Epilogue then{parameter(in.p[1]), activation, (in.flags & ADDED) != 0 ? y : nullptr};
        linear(weights(in.p[0]), in.outputs, ldx, x, ldx, M, y, ldy, then);
        break;
      }
      case Op::GATE:
        gate(in, x, ldx, M, y, ldy);
        break;
      case Op::HEAD_NORM:
        head_norm(in, x, ldx, M, y, ldy);
        break;
      case Op::WEIGH:
        weigh(in, x, ldx, M, y, ldy);
        break;
      case Op::COPY:
        for (long m = 0; m < M; m++) std::memcpy(y + m * ldy + in.column, x + m * ldx, static_cast<size_t>(ldx) * 4);
        break;
      default: break;  // the callers'
    }
  }

  // The slot's rows of the kept ones of these positions.
  void keep(const Instruction& in, const float* x, long ldx, long all, long from, long T) {
    float* to = kept_[static_cast<size_t>(in.column)].of<float>(static_cast<size_t>(B_ * rows_ * ldx));
    const long first = std::max(from, all - rows_);
    for (long b = 0; b < B_ && first < from + T; b++)
      std::memcpy(to + (b * rows_ + first - (all - rows_)) * ldx, x + (b * T + first - from) * ldx,
                  static_cast<size_t>((from + T - first) * ldx) * 4);
  }

  // The rows of the ids, times a factor, plus the rows of the positions if they have a table. Positions count from the first
  // real token. A table with more columns than the slot is a tied head with its bias, whose last column is left out.
  void embed(const Instruction& in, const int32_t* ids, long all, long from, long T, float* y, long ldy) {
    if (in.layer > 0) ids = given_.tokens + (in.layer - 1) * B_ * all;  // a list of the given tokens
    for (long b = 0; b < B_; b++)
      for (long t = 0; t < T; t++) {
        const long place = position(P_ + from + t) - (pad_.empty() ? 0 : pad_[static_cast<size_t>(b)]);
        embed_row(in, ids[b * all + from + t], std::max<long>(0, place), y + (b * T + t) * ldy, ldy);
      }
  }
  void embed_row(const Instruction& in, int32_t id, long place, float* row, long ldy) {
    const Weights table = weights_at(parameter(in.p[0]));
    const float* token = table.row(id, in.outputs, row);
    if (in.eps != 1.f)
      for (long i = 0; i < ldy; i++) row[i] = token[i] * in.eps;
    else if (token != row) std::memcpy(row, token, static_cast<size_t>(ldy) * 4);
    const float* positions = parameter(in.p[1]);
    if (!positions) return;
    for (long i = 0; i < ldy; i++) row[i] += positions[place * ldy + i];
  }

  void gate(const Instruction& in, const float* x, long ldx, long M, float* y, long ldy) {
    const Weights gate = weights(in.p[0]);
    Weights up = weights(in.p[1]);
    const float *gate_bias = parameter(in.p[2]), *up_bias = parameter(in.p[3]);
    if (in.p[1] < 0) {  // one matrix: the rows of up follow
      if (gate.float32) up.float32 = gate.float32 + in.outputs * ldx;
      if (gate.bfloat16) up.bfloat16 = gate.bfloat16 + in.outputs * Bfloat16::stride(ldx);
      up.blocks = gate.blocks;
      up.first = in.outputs;
      if (gate_bias) up_bias = gate_bias + in.outputs;
    }
    const Activation act = (in.flags & GELU) != 0        ? Activation::GELU
                           : (in.flags & GELU_TANH) != 0 ? Activation::GELU_TANH
                                                         : Activation::SILU;
    gated(gate, up, gate_bias, up_bias, act, in.outputs, ldx, x, ldx, M, y, ldy);
  }

  void norm(const Instruction& in, const float* x, long ldx, long M, float* y, long ldy) {
    const float *scale = parameter(in.p[0]), *shift = parameter(in.p[1]);
    const bool centred = in.op == Op::LAYER_NORM;
    auto rows = [&](long m0, long m1) {
      for (long m = m0; m < m1; m++) norm_row(x + m * ldx, scale, shift, in.eps, centred, in.flags, ldx, y + m * ldy);
    };
    if (M * ldx * 8 < WORTH_THREADS) return rows(0, M);
    const long parts = std::min<long>(M, 4 * threads());
    parallel(parts, [&](long p) { rows(part_begin(M, parts, p), part_begin(M, parts, p + 1)); });
  }

  void weigh(const Instruction& in, const float* x, long ldx, long M, float* y, long ldy) {
    const float *by = parameter(in.p[0]), *against = parameter(in.p[1]);
    auto rows = [&](long m0, long m1) {
      for (long m = m0; m < m1; m++) weigh_row(x + m * ldx, by, against, ldx, y + m * ldy, ldy);
    };
    if (M * (ldx + ldy) * 2 < WORTH_THREADS) return rows(0, M);
    const long parts = std::min<long>(M, 4 * threads());
    parallel(parts, [&](long p) { rows(part_begin(M, parts, p), part_begin(M, parts, p + 1)); });
  }

  // Normalises heads of queries and keys; copies values, unless `from` and `to` are one slot.
  void head_norm(const Instruction& in, const float* x, long ldx, long M, float* y, long ldy) {
    const long h = heads_.size, normed = heads_.query + heads_.key_value;
    auto rows = [&](long m0, long m1) {
      for (long m = m0; m < m1; m++) {
        for (long c = 0; c < normed; c++)
          norm_row(x + m * ldx + c * h, parameter(in.p[c < heads_.query ? 0 : 1]), nullptr, in.eps, false, in.flags, h,
                   y + m * ldy + c * h);
        if (x != y) std::copy(x + m * ldx + normed * h, x + (m + 1) * ldx, y + m * ldy + normed * h);
      }
    };
    if (M * ldx * 8 < WORTH_THREADS) return rows(0, M);
    const long parts = std::min<long>(M, 4 * threads());
    parallel(parts, [&](long p) { rows(part_begin(M, parts, p), part_begin(M, parts, p + 1)); });
  }

  // The last instruction, for the kept ones of these positions; columns behind those of x are 1, for the head's bias.
  void finish(const Instruction& in, const float* x, long ldx, long all, long from, long T) {
    for (long b = 0; b < B_; b++)
      for (long t = std::max(from, all - rows_); t < from + T; t++)
        finish_row(in, x + (b * T + t - from) * ldx, ldx, result() + (b * rows_ + t - (all - rows_)) * d_);
  }
  void finish_row(const Instruction& in, const float* x, long ldx, float* h) const {
    norm_row(x, parameter(in.p[0]), parameter(in.p[1]), in.eps, in.op == Op::LAYER_NORM, in.flags, ldx, h);
    std::fill(h + ldx, h + d_, 1.f);
  }

  long d_, V_, U_;
  Heads heads_;
  std::vector<Instruction> program_;
  std::vector<long> widths_;
  std::vector<const float*> parameters_;
  std::vector<Tables> tables_;
  std::vector<LayerCache> caches_;
  std::vector<Buffer> slots_;
  std::vector<Buffer> kept_;
  std::vector<long> kept_widths_;  // keep instructions are in the order of their columns
  struct {
    const float* rows = nullptr;
    long width = 0;
    const int32_t* tokens = nullptr;
  } given_;
  long asked_ = RESULT;
  Buffer result_, logits_;
  SoftCap cap_{0};
  std::vector<int32_t> pad_, parent_, depth_;  // parent_ is empty without a tree
  long B_ = 0, P_ = 0, base_ = 0, rows_ = 0, last_ = 0, counted_ = 0;
  bool rounded_ = false;
};

}  // namespace
}  // namespace winnow::decode

using winnow::decode::Decoder;
using winnow::decode::guarded;
using winnow::decode::Screen;

WINNOW_API void* winnow_decode_new(const double* words, int64_t n) {
  return guarded<void*>(nullptr, [&] { return new Decoder(words, n); });
}
WINNOW_API void winnow_decode_free(void* decoder) { delete static_cast<Decoder*>(decoder); }
WINNOW_API void winnow_decode_start(void* decoder, int64_t B, const int32_t* pad) { static_cast<Decoder*>(decoder)->start(B, pad); }
WINNOW_API void winnow_decode_bind(void* decoder, const double* addresses, int64_t n, int32_t rounded) {
  static_cast<Decoder*>(decoder)->bind(addresses, n, rounded != 0);
}
WINNOW_API int32_t winnow_decode_rotary(void* decoder, int64_t place, const float* cos, const float* sin, int64_t n) {
  return guarded<int32_t>(WINNOW_DECODE_NO_MEMORY, [&] {
    static_cast<Decoder*>(decoder)->rotary(place, cos, sin, n);
    return 0;
  });
}
WINNOW_API int32_t winnow_decode_extend(void* decoder, const int32_t* ids, int64_t T, int64_t rows, float* h) {
  return guarded<int32_t>(WINNOW_DECODE_NO_MEMORY, [&] { return static_cast<Decoder*>(decoder)->extend(ids, T, rows, h, nullptr, 0); });
}
WINNOW_API int32_t winnow_decode_extend_tree(void* decoder, const int32_t* ids, int64_t T, int64_t rows, float* h, const int32_t* parents, int64_t n) {
  return guarded<int32_t>(WINNOW_DECODE_NO_MEMORY, [&] { return static_cast<Decoder*>(decoder)->extend(ids, T, rows, h, parents, n); });
}
WINNOW_API int32_t winnow_decode_extend_together(const double* decoders, int64_t n, const int32_t* ids, const int32_t* T, const int32_t* rows) {
  return guarded<int32_t>(WINNOW_DECODE_NO_MEMORY, [&] {
    std::vector<Decoder::Part> parts;
    long kept = 0;
    for (int64_t i = 0; i < n; i++) {
      parts.push_back({reinterpret_cast<Decoder*>(static_cast<uintptr_t>(decoders[i])), ids, T[i], rows[i], kept});
      ids += T[i];
      kept += rows[i];
    }
    return Decoder::together(parts);
  });
}
WINNOW_API void winnow_decode_keep(void* decoder, const int32_t* path, int64_t n) { static_cast<Decoder*>(decoder)->keep(path, n); }
WINNOW_API int32_t winnow_decode_greedy(void* decoder, const float* head, int64_t U, const void* screen, int32_t* argmax, float* margin) {
  return guarded<int32_t>(WINNOW_DECODE_NO_MEMORY, [&] {
    return static_cast<Decoder*>(decoder)->choose(head, U, static_cast<const Screen*>(screen), argmax, margin);
  });
}
WINNOW_API const float* winnow_decode_logits(void* decoder, const float* head, int64_t U) {
  return guarded<const float*>(nullptr, [&] { return static_cast<Decoder*>(decoder)->logits(head, U); });
}
WINNOW_API void winnow_decode_cap(void* decoder, double cap) { static_cast<Decoder*>(decoder)->cap(cap); }
WINNOW_API void winnow_decode_give(void* decoder, const float* rows, int64_t width, const int32_t* tokens) {
  static_cast<Decoder*>(decoder)->give(rows, width, tokens);
}
WINNOW_API void winnow_decode_ask(void* decoder, int64_t rows, int64_t kept) { static_cast<Decoder*>(decoder)->ask(rows, kept); }
WINNOW_API const float* winnow_decode_kept(void* decoder, int64_t i) { return static_cast<Decoder*>(decoder)->kept(i); }
WINNOW_API void winnow_decode_rollback(void* decoder, int64_t length) { static_cast<Decoder*>(decoder)->rollback(length); }
