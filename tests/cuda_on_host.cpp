// CUDA C++ as C++ for the host: the threads of a block are fibres, and a barrier gives way to the
// next of them. KERNELS_FILE is the source of the kernels; FORWARD says from which end threads run.
#include <cmath>
#include <cstdint>
#include <ucontext.h>
#include <vector>
#define __device__
#define __global__
#define __shared__ static
#define __launch_bounds__(n)

const int THREADS_OF_A_BLOCK = 256;
const int STACK = 65536;

struct Index { long long x; };
static Index threadIdx, blockIdx, gridDim;
static ucontext_t scheduler, fibres[THREADS_OF_A_BLOCK];
static bool done[THREADS_OF_A_BLOCK];

static void __syncthreads() {
    int self = threadIdx.x;
    swapcontext(&fibres[self], &scheduler);
    threadIdx.x = self;
}

#include KERNELS_FILE

typedef int64_t I;
typedef void Kernel(I, I, I, I, I, I, I, I, I, I, I, I, I, I);
static Kernel *kernel;
static const I *v;

static void fibre(int self) {
    threadIdx.x = self;
    kernel(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13]);
    done[self] = true;
}

static void prepare(int k, char *stack) {
    getcontext(&fibres[k]);
    fibres[k].uc_stack.ss_sp = stack;
    fibres[k].uc_stack.ss_size = STACK;
    fibres[k].uc_link = &scheduler;
    makecontext(&fibres[k], (void (*)())fibre, 1, k);
    done[k] = false;
}

extern "C" void launch(void *address, I blocks, const I *values) {
    static std::vector<char> stacks(THREADS_OF_A_BLOCK * STACK);
    kernel = (Kernel *)address;
    v = values;
    gridDim.x = blocks;
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
        for (int k = 0; k < THREADS_OF_A_BLOCK; ++k) prepare(k, &stacks[STACK * k]);
        for (int left = THREADS_OF_A_BLOCK; left;) {
            left = 0;
            for (int i = 0; i < THREADS_OF_A_BLOCK; ++i) {
                const int k = FORWARD ? i : THREADS_OF_A_BLOCK - 1 - i;
                if (done[k]) continue;
                threadIdx.x = k;
                swapcontext(&scheduler, &fibres[k]);
                left += !done[k];
            }
        }
    }
}
