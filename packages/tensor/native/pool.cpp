#include "pool.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "variant.h"

namespace winnow {
namespace {

// How long a thread looks for the next loop before it sleeps: longer than what lies between two kernels of a step.
constexpr int SPINS = 4000;

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

struct Loop {
  void (*f)(void*, long);
  void* data;
  long parts;
  std::atomic<long> next{0};
  std::atomic<long> left;  // parts not yet done
  std::atomic<int> inside{0};  // threads that still hold a reference
};

thread_local bool in_part = false;

class Pool {
 public:
  explicit Pool(int threads) : size_(threads) {
    for (int t = 1; t < threads; t++) workers_.emplace_back([this] { work(); });
  }
  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
      version_.fetch_add(1);
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
  }
  int size() const { return size_; }

  void run(long parts, void (*f)(void*, long), void* data) {
    // one loop at a time: callers from several threads wait for each other
    std::lock_guard<std::mutex> one(running_);
    loop_.f = f;
    loop_.data = data;
    loop_.parts = parts;
    loop_.left.store(parts, std::memory_order_relaxed);
    loop_.next.store(0, std::memory_order_relaxed);
    open_.store(true, std::memory_order_release);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      version_.fetch_add(1, std::memory_order_release);
    }
    if (sleeping_.load() > 0) wake_.notify_all();
    take();
    int spins = 0;
    while (loop_.left.load(std::memory_order_acquire) > 0) {
      if (++spins < SPINS) relax();
      else std::this_thread::yield();
    }
    // nobody may still be reading the loop when the next one is written
    open_.store(false);
    while (loop_.inside.load() > 0) relax();
  }

 private:
  void take() {
    in_part = true;
    for (;;) {
      const long part = loop_.next.fetch_add(1, std::memory_order_relaxed);
      if (part >= loop_.parts) break;
      loop_.f(loop_.data, part);
      loop_.left.fetch_sub(1, std::memory_order_release);
    }
    in_part = false;
  }

  void work() {
    unsigned seen = 0;
    for (;;) {
      int spins = 0;
      while (version_.load(std::memory_order_acquire) == seen && ++spins < SPINS) relax();
      if (version_.load(std::memory_order_acquire) == seen) {
        std::unique_lock<std::mutex> lock(mutex_);
        sleeping_.fetch_add(1);
        wake_.wait(lock, [&] { return version_.load() != seen; });
        sleeping_.fetch_sub(1);
      }
      seen = version_.load(std::memory_order_acquire);
      if (stop_) return;
      loop_.inside.fetch_add(1);
      if (open_.load()) take();
      loop_.inside.fetch_sub(1);
    }
  }

  const int size_;
  std::vector<std::thread> workers_;
  std::mutex running_, mutex_;
  std::condition_variable wake_;
  std::atomic<unsigned> version_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<bool> open_{false};
  std::atomic<bool> stop_{false};
  Loop loop_;
};

std::mutex pool_mutex;
std::unique_ptr<Pool> pool;
int wanted = 0;

Pool& the_pool() {
  std::lock_guard<std::mutex> lock(pool_mutex);
  if (!pool) {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    pool = std::make_unique<Pool>(wanted > 0 ? wanted : (cores > 0 ? cores : 1));
  }
  return *pool;
}

}  // namespace

int threads() { return the_pool().size(); }

void run_parts(long parts, void (*f)(void*, long), void* data) {
  if (parts <= 0) return;
  Pool* p = in_part || parts == 1 ? nullptr : &the_pool();
  if (p == nullptr || p->size() == 1) {
    const bool before = in_part;
    in_part = true;
    for (long part = 0; part < parts; part++) f(data, part);
    in_part = before;
    return;
  }
  p->run(parts, f, data);
}

}  // namespace winnow

// Sets how many threads the loops use, from 1; the old threads end. Not while a loop runs.
WINNOW_API void winnow_set_threads(int n) {
  std::lock_guard<std::mutex> lock(winnow::pool_mutex);
  winnow::wanted = n;
  winnow::pool.reset();
}

WINNOW_API int winnow_threads(void) { return winnow::threads(); }
