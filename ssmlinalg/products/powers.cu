// Sums of powers on a GPU: K_l = Re sum_n w_n z_n^l, and sum_l h_l z_n^l with its derivative; and Cauchy sums. No header is
// included.
//
// Of powers, a block works on a tile of R M samples of one sum, l = start + a M + b, and on a few modes at a time. Of each mode
// it makes R + M powers, outer products of TR + 16 and TC + 16 exact ones, and multiplies the two tables from registers: 2
// multiply-adds a sample and mode, where a recurrence in each thread takes 5. All indices have 64 bits, all arguments 8 bytes.

typedef long long Int;
typedef unsigned long long Bits;

const int SIDE = 16;             // a block is SIDE by SIDE threads
const int THREADS = SIDE * SIDE;
const double TWO_PI = 6.283185307179586476925;
const double TWO63 = 9223372036854775808.0;

template <typename T> struct alignas(2 * sizeof(T)) Complex {
    T re, im;
};

template <typename T> __device__ Complex<T> operator*(Complex<T> a, Complex<T> b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

template <typename T> __device__ Complex<T> at(const T *array, Int index) { return {array[2 * index], array[2 * index + 1]}; }

__device__ inline void sine_cosine(float angle, float *sine, float *cosine) { sincosf(angle, sine, cosine); }
__device__ inline void sine_cosine(double angle, double *sine, double *cosine) { sincos(angle, sine, cosine); }

__device__ inline float fused(float a, float b, float c) { return fmaf(a, b, c); }
__device__ inline double fused(double a, double b, double c) { return fma(a, b, c); }

// e^{k (hi + lo)}: the product is rounded once to p, and what is left of it multiplies.
__device__ inline float growth(double k, float hi, float lo) {
    double product = k * ((double)hi + (double)lo);
    float p = (float)product;
    return expf(p) * (fabs(product) < 1000 ? 1 + (float)(product - (double)p) : 1);
}

__device__ inline double growth(double k, double hi, double lo) {
    double p = k * hi;
    return exp(p) * (fabs(p) < 1000 ? 1 + (fma(k, hi, -p) + k * lo) : 1);
}

// k times a turn modulo 1, between -1/2 and 1/2: 64 bits of the turn wrap around exactly, and what is left of it is tiny.
__device__ inline double turns(Int k, double hi, double lo) {
    double scaled = hi * TWO63;  // |hi| is at most 1/2
    double whole = rint(scaled);
    double rest = (scaled - whole) / TWO63 + lo;
    Int wrapped = (Int)((Bits)k * (2 * (Bits)(Int)whole));
    return (double)wrapped / (2 * TWO63) + (double)k * rest;
}

// The base of powers: in two words the x of z = e^x, its imaginary part in turns, or z^{2^j} for every bit j of a power.
template <typename T> struct Base {
    const T *hi, *lo;
    Int modes, exponential;
};

template <typename T> __device__ Complex<T> power(Base<T> z, Int mode, Int k) {
    if (z.exponential) {
        Complex<T> hi = at(z.hi, mode), lo = at(z.lo, mode);
        double turn = turns(k, (double)hi.im, (double)lo.im), half = rint(2 * turn);
        T size = growth((double)k, hi.re, lo.re), sine, cosine;
        sine_cosine((T)(TWO_PI * (turn - half / 2)), &sine, &cosine);  // of at most a quarter turn
        size = half == 0 ? size : -size;
        return {size * cosine, size * sine};
    }
    Complex<double> product = {1, 0};
    for (; k; k >>= 1, mode += z.modes)
        if (k & 1) {
            Complex<T> hi = at(z.hi, mode), lo = at(z.lo, mode);
            product = product * Complex<double>{(double)hi.re + (double)lo.re, (double)hi.im + (double)lo.im};
        }
    return {(T)product.re, (T)product.im};
}

// The exact powers a table is made of: z^{start + stride (SIDE i)} for i < LONG, then z^{stride j} for j < SIDE. Zero beyond
// the length, where nothing is asked and a power may overflow.
template <typename T, int LONG>
__device__ Complex<T> factor(Base<T> z, Int mode, int which, Int start, Int stride, Int length) {
    Int k = which < LONG ? start + stride * SIDE * which : stride * (which - LONG);
    return k < length ? power(z, mode, k) : Complex<T>{0, 0};
}

// K (sums, length) of weights (sums, n), a base of n modes for every `shared` sums, and `direct` (sums) at l = 0.
template <typename T, int TR, int TC>
__device__ void power_sums(T *K, const T *weights, Base<T> z, const T *direct, Int sums, Int shared, Int n, Int length) {
    const int CHUNK = 8, R = SIDE * TR, M = SIDE * TC, ROW = TR + SIDE, COLUMN = TC + SIDE;
    __shared__ Complex<T> factors[CHUNK][ROW + COLUMN], rows[CHUNK][R], columns[CHUNK][M];
    const int thread = threadIdx.x, x = thread % SIDE, y = thread / SIDE;
    const Int tiles = (length + R * M - 1) / (R * M);
    for (Int block = blockIdx.x; block < sums * tiles; block += gridDim.x) {
        const Int sum = block / tiles, start = block % tiles * (R * M);
        T total[TR][TC] = {};
        for (Int first = 0; first < n; first += CHUNK) {
            const int few = (int)(n - first < CHUNK ? n - first : CHUNK);
            for (int k = thread; k < few * (ROW + COLUMN); k += THREADS) {
                const int c = k / (ROW + COLUMN), which = k % (ROW + COLUMN);
                const Int mode = sum / shared * n + first + c;
                Complex<T> value;
                if (which < ROW) {
                    value = factor<T, TR>(z, mode, which, start, M, length);
                    value = which < TR ? at(weights, sum * n + first + c) * value : value;
                } else
                    value = factor<T, TC>(z, mode, which - ROW, 0, 1, length);
                factors[c][which] = value;
            }
            __syncthreads();
            for (int k = thread; k < few * R; k += THREADS)
                rows[k / R][k % R] = factors[k / R][k % R / SIDE] * factors[k / R][TR + k % SIDE];
            for (int k = thread; k < few * M; k += THREADS)
                columns[k / M][k % M] = factors[k / M][ROW + k % M / SIDE] * factors[k / M][ROW + TC + k % SIDE];
            __syncthreads();
            for (int c = 0; c < few; ++c) {
                Complex<T> left[TR], right[TC];
                for (int i = 0; i < TR; ++i) left[i] = {rows[c][SIDE * i + y].re, -rows[c][SIDE * i + y].im};
                for (int j = 0; j < TC; ++j) right[j] = columns[c][SIDE * j + x];
                for (int i = 0; i < TR; ++i)
                    for (int j = 0; j < TC; ++j)  // said outright: the compiler leaves a difference of products unfused
                        total[i][j] = fused(left[i].im, right[j].im, fused(left[i].re, right[j].re, total[i][j]));
            }
        }
        for (int i = 0; i < TR; ++i)
            for (int j = 0; j < TC; ++j) {
                const Int l = start + (Int)(SIDE * i + y) * M + SIDE * j + x;
                if (l < length) K[sum * length + l] = total[i][j] + (l == 0 ? direct[sum] : 0);
            }
    }
}

// Of h_l = signal (sums, stride) from `offset`, l < length: sum_l h_l z^l, and with SLOPE sum_l (l + 1) h_l z^l, of each tile;
// whole and slope (sums, tiles, n).
template <typename T, int TR, int TC, bool SLOPE>
__device__ void moments(T *whole, T *slope, const T *signal, Base<T> z, Int sums, Int shared, Int n, Int length, Int stride,
                        Int offset) {
    const int R = SIDE * TR, M = SIDE * TC, ROW = TR + SIDE, COLUMN = TC + SIDE;
    __shared__ Complex<T> factors[SIDE][ROW + COLUMN], columns[SIDE][M + 1];
    __shared__ T h[R][SIDE + 1];
    Complex<T> *parts = columns[0];  // once the columns are used up
    const int thread = threadIdx.x, x = thread % SIDE, y = thread / SIDE;  // x counts modes, y rows
    const Int tiles = (length + R * M - 1) / (R * M);
    for (Int block = blockIdx.x; block < sums * tiles; block += gridDim.x) {
        const Int sum = block / tiles, start = block % tiles * (R * M);
        const T *here = signal + sum * stride + offset;
        for (Int first = 0; first < n; first += SIDE) {
            const int few = (int)(n - first < SIDE ? n - first : SIDE);
            for (int k = thread; k < few * (ROW + COLUMN); k += THREADS) {
                const int c = k / (ROW + COLUMN), which = k % (ROW + COLUMN);
                const Int mode = sum / shared * n + first + c;
                factors[c][which] = which < ROW ? factor<T, TR>(z, mode, which, start, M, length)
                                                : factor<T, TC>(z, mode, which - ROW, 0, 1, length);
            }
            __syncthreads();
            for (int k = thread; k < SIDE * M; k += THREADS) {
                const int c = k / M, b = k % M;
                columns[c][b] = c < few && b < length ? factors[c][ROW + b / SIDE] * factors[c][ROW + TC + b % SIDE]
                                                      : Complex<T>{0, 0};
            }
            Complex<T> inner[TR] = {}, risen[TR] = {};  // sum_b h z^b and sum_b b h z^b
            for (int piece = 0; piece < M; piece += SIDE) {
                __syncthreads();
                for (int k = thread; k < R * SIDE; k += THREADS) {
                    const Int l = start + (Int)(k / SIDE) * M + piece + k % SIDE;
                    h[k / SIDE][k % SIDE] = l < length ? here[l] : 0;
                }
                __syncthreads();
                for (int b = 0; b < SIDE; ++b) {
                    const Complex<T> column = columns[x][piece + b];
                    const Complex<T> rising = {(piece + b) * column.re, (piece + b) * column.im};
                    for (int i = 0; i < TR; ++i) {
                        const T value = h[SIDE * i + y][b];
                        inner[i] = {fused(value, column.re, inner[i].re), fused(value, column.im, inner[i].im)};
                        if (SLOPE) risen[i] = {fused(value, rising.re, risen[i].re), fused(value, rising.im, risen[i].im)};
                    }
                }
            }
            Complex<T> sum0 = {0, 0}, sum1 = {0, 0};
            for (int i = 0; i < TR; ++i) {
                const Int l = start + (Int)(SIDE * i + y) * M;
                if (x >= few || l >= length) continue;
                const Complex<T> row = factors[x][i] * factors[x][TR + y], part = row * inner[i];
                sum0 = {sum0.re + part.re, sum0.im + part.im};
                if (SLOPE) {
                    const T count = (T)(l + 1);
                    const Complex<T> more = row * risen[i];
                    sum1 = {sum1.re + (count * part.re + more.re), sum1.im + (count * part.im + more.im)};
                }
            }
            for (int both = 0; both < (SLOPE ? 2 : 1); ++both) {
                __syncthreads();
                parts[thread] = both ? sum1 : sum0;
                __syncthreads();
                if (thread < few) {
                    Complex<T> all = {0, 0};
                    for (int k = 0; k < SIDE; ++k) {
                        all.re += parts[SIDE * k + thread].re;
                        all.im += parts[SIDE * k + thread].im;
                    }
                    T *out = (both ? slope : whole) + 2 * (block * n + first + thread);
                    out[0] = all.re;
                    out[1] = all.im;
                }
            }
        }
    }
}

// 1/a by its larger part, so that no square overflows.
template <typename T> __device__ Complex<T> inverse(Complex<T> a) {
    const T size = fabs(a.re) > fabs(a.im) ? fabs(a.re) : fabs(a.im), x = a.re / size, y = a.im / size;
    const T q = 1 / size / (x * x + y * y);
    return {x * q, -y * q};
}

// Of w, lambda (sums, n) and z (sums, count): sum_n w_n / (z_k - lambda_n), and with SLOPE sum_n w_n / (z_k - lambda_n)^2, of
// `piece` of the n at a time, (sums, pieces, count). A point has LANES threads.
template <typename T, int LANES, bool SLOPE>
__device__ void cauchy(T *whole, T *slope, const T *weights, const T *nodes, const T *points, Int sums, Int n, Int count,
                       Int piece) {
    const int POINTS = THREADS / LANES;
    __shared__ Complex<T> w[THREADS], lambda[THREADS];
    const int thread = threadIdx.x, lane = thread % LANES;
    const Int pieces = (n + piece - 1) / piece, tiles = (count + POINTS - 1) / POINTS;
    for (Int block = blockIdx.x; block < sums * pieces * tiles; block += gridDim.x) {
        const Int both = block / tiles, sum = both / pieces, k = block % tiles * POINTS + thread / LANES;
        const Int begin = both % pieces * piece, end = begin + piece < n ? begin + piece : n;
        const Complex<T> z = k < count ? at(points, sum * count + k) : Complex<T>{0, 0};
        Complex<T> sum1 = {0, 0}, sum2 = {0, 0};
        for (Int first = begin; first < end; first += THREADS) {
            const int few = (int)(end - first < THREADS ? end - first : THREADS);
            if (thread < few) {
                w[thread] = at(weights, sum * n + first + thread);
                lambda[thread] = at(nodes, sum * n + first + thread);
            }
            __syncthreads();
            for (int c = lane; c < few && k < count; c += LANES) {
                const Complex<T> inverted = inverse(Complex<T>{z.re - lambda[c].re, z.im - lambda[c].im});
                const Complex<T> term = w[c] * inverted;
                sum1 = {sum1.re + term.re, sum1.im + term.im};
                if (SLOPE) {
                    const Complex<T> second = term * inverted;
                    sum2 = {sum2.re + second.re, sum2.im + second.im};
                }
            }
            __syncthreads();
        }
        for (int which = 0; which < (SLOPE ? 2 : 1); ++which) {
            w[thread] = which ? sum2 : sum1;
            __syncthreads();
            if (lane == 0 && k < count) {
                Complex<T> all = w[thread];
                for (int other = 1; other < LANES; ++other) {
                    all.re += w[thread + other].re;
                    all.im += w[thread + other].im;
                }
                T *out = (which ? slope : whole) + 2 * (both * count + k);
                out[0] = all.re;
                out[1] = all.im;
            }
            __syncthreads();
        }
    }
}

#define CAUCHY(T, LANES) \
    extern "C" __global__ void __launch_bounds__(256) \
        cauchy_##T##_##LANES(T *whole, const T *weights, const T *nodes, const T *points, Int sums, Int n, Int count, \
                             Int piece) { \
        cauchy<T, LANES, false>(whole, whole, weights, nodes, points, sums, n, count, piece); \
    } \
    extern "C" __global__ void __launch_bounds__(256) \
        cauchy_slopes_##T##_##LANES(T *whole, T *slope, const T *weights, const T *nodes, const T *points, Int sums, Int n, \
                                    Int count, Int piece) { \
        cauchy<T, LANES, true>(whole, slope, weights, nodes, points, sums, n, count, piece); \
    }

CAUCHY(float, 1)
CAUCHY(float, 16)
CAUCHY(double, 1)
CAUCHY(double, 16)

// Tiles of 128 rows for long sums, of 16 for short ones; in double precision with half as many columns, for registers.
#define KERNELS(T, TR, TC) \
    extern "C" __global__ void __launch_bounds__(256) \
        power_sums_##T##_##TR(T *K, const T *weights, const T *hi, const T *lo, Int modes, Int exponential, const T *direct, \
                              Int sums, Int shared, Int n, Int length) { \
        power_sums<T, TR, TC>(K, weights, {hi, lo, modes, exponential}, direct, sums, shared, n, length); \
    } \
    extern "C" __global__ void __launch_bounds__(256) \
        moments_##T##_##TR(T *whole, const T *signal, const T *hi, const T *lo, Int modes, Int exponential, Int sums, \
                           Int shared, Int n, Int length, Int stride, Int offset) { \
        moments<T, TR, TC, false>(whole, whole, signal, {hi, lo, modes, exponential}, sums, shared, n, length, stride, offset); \
    } \
    extern "C" __global__ void __launch_bounds__(256) \
        slopes_##T##_##TR(T *whole, T *slope, const T *signal, const T *hi, const T *lo, Int modes, Int exponential, Int sums, \
                          Int shared, Int n, Int length, Int stride, Int offset) { \
        moments<T, TR, TC, true>(whole, slope, signal, {hi, lo, modes, exponential}, sums, shared, n, length, stride, offset); \
    }

KERNELS(float, 1, 8)
KERNELS(float, 8, 8)
KERNELS(double, 1, 4)
KERNELS(double, 8, 4)
