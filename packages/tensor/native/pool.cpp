#include "pool.h"

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "variant.h"

namespace winnow {
namespace {

// Number of spins before a waiting thread sleeps: longer than the gap between two kernels of a step.
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
  std::atomic<long> left;  // Parts that are not done yet.
  std::atomic<int> inside{0};  // Threads that still have a reference.
};

thread_local bool in_part = false;

class Pool {
 public:
  explicit Pool(int threads) {
    workers_.reserve(static_cast<size_t>(threads - 1));
    try {
      for (int t = 1; t < threads; t++) workers_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // The system gives no more threads: the existing ones do the work.
    }
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
  int size() const { return static_cast<int>(workers_.size()) + 1; }

  void run(long parts, void (*f)(void*, long), void* data) {
    // One loop at a time: callers from several threads wait for each other.
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
    // No thread may still read the loop when the next one is written.
    open_.store(false);
    while (loop_.inside.load() > 0) relax();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  void take() {
    in_part = true;
    for (;;) {
      const long part = loop_.next.fetch_add(1, std::memory_order_relaxed);
      if (part >= loop_.parts) break;
      try {
        loop_.f(loop_.data, part);
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex_);
        failure_ = std::current_exception();
      }
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

  std::vector<std::thread> workers_;
  std::mutex running_, mutex_;
  std::condition_variable wake_;
  std::atomic<unsigned> version_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<bool> open_{false};
  std::atomic<bool> stop_{false};
  Loop loop_;
  std::exception_ptr failure_;  // The exception of a part of the loop.
};

std::mutex pool_mutex;
std::shared_ptr<Pool> pool;  // A loop holds a reference too: another thread may set a new number meanwhile.
int wanted = 0;

std::shared_ptr<Pool> the_pool() {
  std::lock_guard<std::mutex> lock(pool_mutex);
  if (!pool) {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    pool = std::make_shared<Pool>(wanted > 0 ? wanted : (cores > 0 ? cores : 1));
  }
  return pool;
}

// Runs the parts on the caller's thread.
void run_in_order(long parts, void (*f)(void*, long), void* data) {
  struct Inside {
    const bool before = in_part;
    Inside() { in_part = true; }
    ~Inside() { in_part = before; }
  } inside;
  for (long part = 0; part < parts; part++) f(data, part);
}

}  // namespace

int threads() { return the_pool()->size(); }

void run_parts(long parts, void (*f)(void*, long), void* data) {
  if (in_part || parts <= 1) return run_in_order(parts, f, data);
  const std::shared_ptr<Pool> p = the_pool();
  if (p->size() == 1) return run_in_order(parts, f, data);
  p->run(parts, f, data);
}

}  // namespace winnow

// Sets the number of threads for loops, from 1. The old threads end after their present loop.
WINNOW_API void winnow_set_threads(int n) {
  std::shared_ptr<winnow::Pool> old;  // It waits for the old threads outside of the lock.
  std::lock_guard<std::mutex> lock(winnow::pool_mutex);
  winnow::wanted = n;
  old.swap(winnow::pool);
}

WINNOW_API int winnow_threads(void) { return winnow::threads(); }
