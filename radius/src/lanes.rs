//! Many MD5 digests at once, each in its own lane of the processor's vectors (RFC 1321).
//!
//! Jobs are queued with [`Lanes::queue`], computed together by [`Lanes::run`] and read with
//! [`Lanes::digest`]. Jobs of different lengths share a run: a lane that is done takes the next job.
//! Which instructions there are is asked once; every machine has the scalar ones. All room is
//! allocated by [`Lanes::new`]. What was queued is overwritten by [`Lanes::clear`] and on drop.
//!
//! The only module of the crate with unsafe code: calls of functions that are compiled for instructions
//! not every machine has, and the loads and stores of their vectors. Not here: what RADIUS digests (`crypto`).

#![expect(
    unsafe_code,
    reason = "instructions that not every machine has, and their loads and stores"
)]

use zeroize::{Zeroize, Zeroizing};

/// Octets of one block of MD5.
pub(crate) const BLOCK_LEN: usize = 64;
/// Octets of a digest.
pub(crate) const DIGEST_LEN: usize = 16;
/// A bit that ends the message, and its length in 64 bits.
const PADDING_LEN_MIN: usize = 1 + LENGTH_LEN;
const LENGTH_LEN: usize = size_of::<u64>();
const BLOCK_WORDS: usize = BLOCK_LEN / size_of::<u32>();
const STATE_WORDS: usize = DIGEST_LEN / size_of::<u32>();

/// The chaining value between two blocks.
pub(crate) type State = [u32; STATE_WORDS];
/// What MD5 makes of a message.
pub(crate) type Digest = [u8; DIGEST_LEN];

/// The chaining value before the first block (RFC 1321 section 3.3).
const INITIAL: State = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];

/// The table of RFC 1321 section 3.4: the integer part of 2^32 times abs(sin(n)).
#[rustfmt::skip]
const SINES: [u32; BLOCK_LEN] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// So few jobs are done sooner in plain registers, one after the other.
const SCALAR_JOBS_MAX: usize = 2;

/// Where a digest begins: afresh, or behind blocks that were absorbed before.
#[derive(Clone)]
pub(crate) struct Start {
    state: State,
    /// Octets absorbed, whole blocks.
    absorbed: usize,
}

impl Start {
    /// An ordinary MD5.
    pub(crate) const FRESH: Self = Self {
        state: INITIAL,
        absorbed: 0,
    };

    /// Behind one block.
    pub(crate) fn behind(block: &[u8; BLOCK_LEN]) -> Self {
        let mut lanes = INITIAL.map(|word| [word]);
        scalar::absorb(&mut lanes, &[block]);
        Self {
            state: lanes.map(|[word]| word),
            absorbed: BLOCK_LEN,
        }
    }
}

impl Zeroize for Start {
    fn zeroize(&mut self) {
        self.state.zeroize();
    }
}

/// Names a queued digest until the next [`Lanes::clear`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct JobId(usize);

impl JobId {
    /// The one queued `n` after this.
    pub(crate) fn later(self, n: usize) -> Self {
        Self(self.0 + n)
    }
}

#[derive(Clone, Copy, Default)]
struct Job {
    /// Where it begins; behind the run, the digest.
    state: State,
    /// Its first block.
    block: usize,
    /// One at least.
    block_count: usize,
}

/// Blocks a message takes with its padding.
pub(crate) const fn blocks_of(message_len: usize) -> usize {
    (message_len + PADDING_LEN_MIN).div_ceil(BLOCK_LEN)
}

/// What the processor can do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Instructions {
    /// One lane in plain registers: every machine.
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Instructions {
    /// Every kind this machine has, the best last.
    fn available() -> impl Iterator<Item = Self> {
        let all = [
            (Self::Scalar, true),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2, is_x86_feature_detected!("avx2")),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx512, is_x86_feature_detected!("avx512f")),
        ];
        all.into_iter()
            .filter(|(_, has)| *has)
            .map(|(kind, _)| kind)
    }
}

/// Digests that are computed together, and the room for their messages.
pub(crate) struct Lanes {
    instructions: Instructions,
    /// Zeros from `blocks_used` on.
    blocks: Zeroizing<Box<[[u8; BLOCK_LEN]]>>,
    blocks_used: usize,
    jobs: Box<[Job]>,
    job_count: usize,
    /// Jobs of earlier runs.
    done: usize,
}

impl Lanes {
    /// Room for so many jobs whose messages with their padding take so many blocks.
    pub(crate) fn new(jobs_max: usize, blocks_max: usize) -> Self {
        let best = Instructions::available().last();
        let best = best.expect("every machine has the scalar ones");
        Self::with(best, jobs_max, blocks_max)
    }

    fn with(instructions: Instructions, jobs_max: usize, blocks_max: usize) -> Self {
        Self {
            instructions,
            blocks: Zeroizing::new(vec![[0; BLOCK_LEN]; blocks_max].into()),
            blocks_used: 0,
            jobs: vec![Job::default(); jobs_max].into(),
            job_count: 0,
            done: 0,
        }
    }

    /// Queues the digest of the parts, one behind the other.
    ///
    /// # Panics
    /// When the room given to [`Lanes::new`] is used up.
    #[inline]
    pub(crate) fn queue<const PARTS: usize>(
        &mut self,
        start: &Start,
        parts: [&[u8]; PARTS],
    ) -> JobId {
        let free = self.blocks[self.blocks_used..].as_flattened_mut();
        let mut len = 0;
        for part in parts {
            free[len..len + part.len()].copy_from_slice(part);
            len += part.len();
        }
        self.pad(start, len)
    }

    /// Queues the message of `len` octets that lies at the next block.
    fn pad(&mut self, start: &Start, len: usize) -> JobId {
        let block_count = blocks_of(len);
        let blocks = &mut self.blocks[self.blocks_used..self.blocks_used + block_count];
        let (padding, length) = blocks.as_flattened_mut()[len..]
            .split_last_chunk_mut::<LENGTH_LEN>()
            .expect("blocks_of leaves room for the length");
        // Blocks that are free are zeros.
        padding[0] = 0x80;
        *length = (((start.absorbed + len) as u64) * u64::from(u8::BITS)).to_le_bytes();
        self.jobs[self.job_count] = Job {
            state: start.state,
            block: self.blocks_used,
            block_count,
        };
        self.blocks_used += block_count;
        self.job_count += 1;
        JobId(self.job_count - 1)
    }

    /// Computes everything queued since the last run.
    pub(crate) fn run(&mut self) {
        let jobs = &mut self.jobs[self.done..self.job_count];
        let blocks = &self.blocks[..self.blocks_used];
        match (self.instructions, jobs.len()) {
            // So few are done sooner one after the other.
            (_, 0..=SCALAR_JOBS_MAX) | (Instructions::Scalar, _) => {
                drive(jobs, blocks, scalar::absorb);
            }
            #[cfg(target_arch = "x86_64")]
            (Instructions::Avx2, _) => drive(jobs, blocks, |state, blocks| {
                // SAFETY: this variant is made only where AVX2 was detected.
                unsafe { avx2::absorb(state, blocks) }
            }),
            #[cfg(target_arch = "x86_64")]
            (Instructions::Avx512, ..=avx512::WIDTH) => drive(jobs, blocks, |state, blocks| {
                // SAFETY: this variant is made only where AVX-512F was detected.
                unsafe { avx512::absorb::<{ avx512::WIDTH }, 1>(state, blocks) }
            }),
            #[cfg(target_arch = "x86_64")]
            (Instructions::Avx512, _) => drive(jobs, blocks, |state, blocks| {
                // SAFETY: this variant is made only where AVX-512F was detected.
                unsafe { avx512::absorb::<{ 2 * avx512::WIDTH }, 2>(state, blocks) }
            }),
        }
        self.done = self.job_count;
    }

    /// The digest of a job that was run.
    pub(crate) fn digest(&self, job: JobId) -> Digest {
        debug_assert!(job.0 < self.done, "a digest is read after its run");
        let mut digest = Digest::default();
        for (octets, word) in digest
            .as_chunks_mut()
            .0
            .iter_mut()
            .zip(self.jobs[job.0].state)
        {
            *octets = word.to_le_bytes();
        }
        digest
    }

    /// Forgets all jobs and overwrites their messages and digests.
    pub(crate) fn clear(&mut self) {
        self.blocks[..self.blocks_used].fill([0; BLOCK_LEN]);
        self.jobs[..self.job_count].fill(Job::default());
        self.blocks_used = 0;
        self.job_count = 0;
        self.done = 0;
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        for job in &mut self.jobs {
            job.state.zeroize();
        }
    }
}

/// Runs all jobs in `L` lanes; `absorb` takes one block in every lane.
fn drive<const L: usize>(
    jobs: &mut [Job],
    blocks: &[[u8; BLOCK_LEN]],
    absorb: impl Fn(&mut [[u32; L]; STATE_WORDS], &[&[u8; BLOCK_LEN]; L]),
) {
    /// No job has this number.
    const NONE: usize = usize::MAX;
    let mut state = [[0; L]; STATE_WORDS];
    // By lane: its job, its next block, and how many it has left. An idle lane digests from block 0 for nothing.
    let (mut job_of, mut block_of, mut left_of) = ([NONE; L], [0; L], [0_usize; L]);
    let mut waiting = 0..jobs.len();
    loop {
        for at in 0..L {
            if left_of[at] > 0 || (job_of[at] == NONE && waiting.is_empty()) {
                continue;
            }
            if let Some(done) = jobs.get_mut(job_of[at]) {
                for (to, word) in done.state.iter_mut().zip(&state) {
                    *to = word[at];
                }
            }
            job_of[at] = waiting.next().unwrap_or(NONE);
            if let Some(begun) = jobs.get(job_of[at]) {
                (block_of[at], left_of[at]) = (begun.block, begun.block_count);
                for (word, from) in state.iter_mut().zip(begun.state) {
                    word[at] = from;
                }
            }
        }
        // As far as all go that are busy, nothing needs to be looked at.
        let busy = left_of.iter().filter(|left| **left > 0);
        let Some(steps) = busy.min().copied() else {
            return;
        };
        for step in 0..steps {
            let mut next = [&blocks[0]; L];
            for (next, block) in next.iter_mut().zip(&block_of) {
                *next = &blocks[block + step];
            }
            absorb(&mut state, &next);
        }
        for (block, left) in block_of.iter_mut().zip(&mut left_of) {
            *left = left.saturating_sub(steps);
            *block = if *left > 0 { *block + steps } else { 0 };
        }
    }
}

/// The compression function of RFC 1321 section 3.4 for `GROUPS` vectors at once, where `Vector`, `splat`,
/// `add`, `rotate` and the four functions of the rounds are in scope.
///
/// One vector waits for itself most of the time; a second fills the gaps.
macro_rules! compression {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        #[inline]
        fn compress<const GROUPS: usize>(
            state: &mut [[Vector; GROUPS]; STATE_WORDS],
            words: &[[Vector; BLOCK_WORDS]; GROUPS],
        ) {
            let [mut a, mut b, mut c, mut d] = *state;
            compression!(@round words, a b c d, f, 0, 1, 0, 7 12 17 22);
            compression!(@round words, a b c d, g, 16, 5, 1, 5 9 14 20);
            compression!(@round words, a b c d, h, 32, 3, 5, 4 11 16 23);
            compression!(@round words, a b c d, i, 48, 7, 0, 6 10 15 21);
            for (word, now) in state.iter_mut().zip([a, b, c, d]) {
                for (word, now) in word.iter_mut().zip(now) {
                    *word = add(*word, now);
                }
            }
        }
    };
    // A round: its function, where it begins in the table of sines, the order of its words (factor and
    // first), its rotations.
    (@round $words:ident, $a:ident $b:ident $c:ident $d:ident, $function:ident, $sine:literal,
     $factor:literal, $first:literal, $s0:literal $s1:literal $s2:literal $s3:literal) => {
        for four in 0..BLOCK_WORDS / 4 {
            let n = 4 * four;
            let word = |n: usize| ($factor * n + $first) % BLOCK_WORDS;
            compression!(@step $words[word(n)], $a $b $c $d, $function, SINES[$sine + n], $s0);
            compression!(@step $words[word(n + 1)], $d $a $b $c, $function, SINES[$sine + n + 1], $s1);
            compression!(@step $words[word(n + 2)], $c $d $a $b, $function, SINES[$sine + n + 2], $s2);
            compression!(@step $words[word(n + 3)], $b $c $d $a, $function, SINES[$sine + n + 3], $s3);
        }
    };
    (@step $words:ident[$word:expr], $a:ident $b:ident $c:ident $d:ident, $function:ident, $sine:expr,
     $rotation:literal) => {
        for group in 0..GROUPS {
            let early = add($a[group], add($words[group][$word], splat($sine)));
            let sum = add(early, $function($b[group], $c[group], $d[group]));
            $a[group] = add($b[group], rotate::<$rotation>(sum));
        }
    };
}

/// One lane in plain registers.
mod scalar {
    use super::{BLOCK_LEN, BLOCK_WORDS, SINES, STATE_WORDS};

    type Vector = u32;

    /// Absorbs one block.
    pub(super) fn absorb(state: &mut [[u32; 1]; STATE_WORDS], blocks: &[&[u8; BLOCK_LEN]; 1]) {
        let words = blocks[0].as_chunks().0;
        compress(
            state,
            &[std::array::from_fn(|n| u32::from_le_bytes(words[n]))],
        );
    }

    compression!();

    fn splat(word: u32) -> Vector {
        word
    }

    fn add(x: Vector, y: Vector) -> Vector {
        x.wrapping_add(y)
    }

    fn rotate<const BITS: u32>(x: Vector) -> Vector {
        x.rotate_left(BITS)
    }

    fn f(x: Vector, y: Vector, z: Vector) -> Vector {
        z ^ (x & (y ^ z))
    }

    /// A sum, because the part without `x`, which is known last, can be added before.
    fn g(x: Vector, y: Vector, z: Vector) -> Vector {
        add(y & !z, x & z)
    }

    fn h(x: Vector, y: Vector, z: Vector) -> Vector {
        x ^ y ^ z
    }

    fn i(x: Vector, y: Vector, z: Vector) -> Vector {
        y ^ (x | !z)
    }
}

/// Eight lanes to a vector of AVX2.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{BLOCK_LEN, BLOCK_WORDS, SINES, STATE_WORDS};

    type Vector = __m256i;
    const WIDTH: usize = 8;
    const GROUPS: usize = 2;
    /// Lanes of one step.
    pub(super) const LANES: usize = GROUPS * WIDTH;

    /// Absorbs one block in every lane.
    #[target_feature(enable = "avx2")]
    pub(super) fn absorb(
        state: &mut [[u32; LANES]; STATE_WORDS],
        blocks: &[&[u8; BLOCK_LEN]; LANES],
    ) {
        let mut vectors = [[splat(0); GROUPS]; STATE_WORDS];
        for (word, vectors) in state.iter().zip(&mut vectors) {
            for (group, vector) in word.as_chunks::<WIDTH>().0.iter().zip(vectors) {
                *vector = from_words(group);
            }
        }
        let mut words = [[splat(0); BLOCK_WORDS]; GROUPS];
        for (group, words) in blocks.as_chunks::<WIDTH>().0.iter().zip(&mut words) {
            *words = transpose(group);
        }
        compress(&mut vectors, &words);
        for (word, vectors) in state.iter_mut().zip(vectors) {
            for (group, vector) in word.as_chunks_mut::<WIDTH>().0.iter_mut().zip(vectors) {
                *group = to_words(vector);
            }
        }
    }

    compression!(#[target_feature(enable = "avx2")]);

    /// Word `n` of every block in vector `n`.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn transpose(blocks: &[&[u8; BLOCK_LEN]; WIDTH]) -> [Vector; BLOCK_WORDS] {
        let mut words = [splat(0); BLOCK_WORDS];
        for (half, words) in words.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
            let mut fours = [splat(0); WIDTH];
            for (row, block) in fours.iter_mut().zip(blocks) {
                *row = from_octets(&block.as_chunks().0[half]);
            }
            for fours in fours.as_chunks_mut::<4>().0 {
                let [p, q, r, s] = *fours;
                let (pq, rs) = (_mm256_unpacklo_epi32(p, q), _mm256_unpacklo_epi32(r, s));
                fours[0] = _mm256_unpacklo_epi64(pq, rs);
                fours[1] = _mm256_unpackhi_epi64(pq, rs);
                let (pq, rs) = (_mm256_unpackhi_epi32(p, q), _mm256_unpackhi_epi32(r, s));
                fours[2] = _mm256_unpacklo_epi64(pq, rs);
                fours[3] = _mm256_unpackhi_epi64(pq, rs);
            }
            for n in 0..4 {
                let (upper, lower) = (fours[n], fours[4 + n]);
                words[n] = _mm256_permute2x128_si256::<0x20>(upper, lower);
                words[4 + n] = _mm256_permute2x128_si256::<0x31>(upper, lower);
            }
        }
        words
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn from_words(words: &[u32; WIDTH]) -> Vector {
        // SAFETY: the pointer is to 32 octets, and the load needs no alignment.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn from_octets(octets: &[u8; 4 * WIDTH]) -> Vector {
        // SAFETY: the pointer is to 32 octets, and the load needs no alignment.
        unsafe { _mm256_loadu_si256(octets.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn to_words(vector: Vector) -> [u32; WIDTH] {
        let mut words = [0; WIDTH];
        // SAFETY: the pointer is to 32 octets, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) };
        words
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn splat(word: u32) -> Vector {
        _mm256_set1_epi32(word.cast_signed())
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn add(x: Vector, y: Vector) -> Vector {
        _mm256_add_epi32(x, y)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn rotate<const BITS: u32>(x: Vector) -> Vector {
        let (left, right) = (splat(BITS), splat(u32::BITS - BITS));
        _mm256_or_si256(_mm256_sllv_epi32(x, left), _mm256_srlv_epi32(x, right))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn f(x: Vector, y: Vector, z: Vector) -> Vector {
        _mm256_xor_si256(z, _mm256_and_si256(x, _mm256_xor_si256(y, z)))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn g(x: Vector, y: Vector, z: Vector) -> Vector {
        f(z, x, y)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn h(x: Vector, y: Vector, z: Vector) -> Vector {
        _mm256_xor_si256(x, _mm256_xor_si256(y, z))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn i(x: Vector, y: Vector, z: Vector) -> Vector {
        let not_z = _mm256_xor_si256(z, splat(u32::MAX));
        _mm256_xor_si256(y, _mm256_or_si256(x, not_z))
    }
}

/// Sixteen lanes to a vector of AVX-512.
#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::{BLOCK_LEN, BLOCK_WORDS, SINES, STATE_WORDS};

    type Vector = __m512i;
    /// Lanes of one vector.
    pub(super) const WIDTH: usize = 16;

    /// Absorbs one block in every lane.
    #[target_feature(enable = "avx512f")]
    pub(super) fn absorb<const LANES: usize, const GROUPS: usize>(
        state: &mut [[u32; LANES]; STATE_WORDS],
        blocks: &[&[u8; BLOCK_LEN]; LANES],
    ) {
        const { assert!(LANES == GROUPS * WIDTH) };
        let mut vectors = [[splat(0); GROUPS]; STATE_WORDS];
        for (word, vectors) in state.iter().zip(&mut vectors) {
            for (group, vector) in word.as_chunks::<WIDTH>().0.iter().zip(vectors) {
                *vector = from_words(group);
            }
        }
        let mut words = [[splat(0); BLOCK_WORDS]; GROUPS];
        for (group, words) in blocks.as_chunks::<WIDTH>().0.iter().zip(&mut words) {
            *words = transpose(group);
        }
        compress(&mut vectors, &words);
        for (word, vectors) in state.iter_mut().zip(vectors) {
            for (group, vector) in word.as_chunks_mut::<WIDTH>().0.iter_mut().zip(vectors) {
                *group = to_words(vector);
            }
        }
    }

    compression!(#[target_feature(enable = "avx512f")]);

    /// Word `n` of every block in vector `n`.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn transpose(blocks: &[&[u8; BLOCK_LEN]; WIDTH]) -> [Vector; BLOCK_WORDS] {
        let mut fours = [splat(0); BLOCK_WORDS];
        for (row, block) in fours.iter_mut().zip(blocks) {
            *row = from_octets(block);
        }
        for fours in fours.as_chunks_mut::<4>().0 {
            let [p, q, r, s] = *fours;
            let (pq, rs) = (_mm512_unpacklo_epi32(p, q), _mm512_unpacklo_epi32(r, s));
            fours[0] = _mm512_unpacklo_epi64(pq, rs);
            fours[1] = _mm512_unpackhi_epi64(pq, rs);
            let (pq, rs) = (_mm512_unpackhi_epi32(p, q), _mm512_unpackhi_epi32(r, s));
            fours[2] = _mm512_unpacklo_epi64(pq, rs);
            fours[3] = _mm512_unpackhi_epi64(pq, rs);
        }
        let mut words = fours;
        for n in 0..4 {
            let (p, q, r, s) = (fours[n], fours[4 + n], fours[8 + n], fours[12 + n]);
            let pq = _mm512_shuffle_i32x4::<0x88>(p, q);
            let rs = _mm512_shuffle_i32x4::<0x88>(r, s);
            words[n] = _mm512_shuffle_i32x4::<0x88>(pq, rs);
            words[8 + n] = _mm512_shuffle_i32x4::<0xdd>(pq, rs);
            let pq = _mm512_shuffle_i32x4::<0xdd>(p, q);
            let rs = _mm512_shuffle_i32x4::<0xdd>(r, s);
            words[4 + n] = _mm512_shuffle_i32x4::<0x88>(pq, rs);
            words[12 + n] = _mm512_shuffle_i32x4::<0xdd>(pq, rs);
        }
        words
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn from_words(words: &[u32; WIDTH]) -> Vector {
        // SAFETY: the pointer is to 64 octets, and the load needs no alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn from_octets(octets: &[u8; 4 * WIDTH]) -> Vector {
        // SAFETY: the pointer is to 64 octets, and the load needs no alignment.
        unsafe { _mm512_loadu_si512(octets.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn to_words(vector: Vector) -> [u32; WIDTH] {
        let mut words = [0; WIDTH];
        // SAFETY: the pointer is to 64 octets, and the store needs no alignment.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) };
        words
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn splat(word: u32) -> Vector {
        _mm512_set1_epi32(word.cast_signed())
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn add(x: Vector, y: Vector) -> Vector {
        _mm512_add_epi32(x, y)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn rotate<const BITS: u32>(x: Vector) -> Vector {
        _mm512_rolv_epi32(x, splat(BITS))
    }

    // Functions of three bits are one instruction: bit 4x + 2y + z of its number is the result.

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn f(x: Vector, y: Vector, z: Vector) -> Vector {
        _mm512_ternarylogic_epi32::<0xca>(x, y, z)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn g(x: Vector, y: Vector, z: Vector) -> Vector {
        f(z, x, y)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn h(x: Vector, y: Vector, z: Vector) -> Vector {
        _mm512_ternarylogic_epi32::<0x96>(x, y, z)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn i(x: Vector, y: Vector, z: Vector) -> Vector {
        _mm512_ternarylogic_epi32::<0x39>(x, y, z)
    }
}

#[cfg(test)]
mod tests {
    use md5::{Digest as _, Md5};
    use proptest::prelude::*;

    use super::*;

    fn plain(message: &[u8]) -> Digest {
        Md5::digest(message).into()
    }

    /// Checks every kind of instructions this machine has on jobs of these lengths, queued in this order;
    /// every third is behind a block that was absorbed before.
    fn check(lens: &[usize]) {
        let blocks = lens.iter().map(|len| blocks_of(*len)).sum();
        for kind in Instructions::available() {
            let mut lanes = Lanes::with(kind, lens.len(), blocks);
            let messages: Vec<Vec<u8>> = lens
                .iter()
                .enumerate()
                .map(|(n, len)| (n..n + len).map(|n| n.to_le_bytes()[0] ^ 0xa5).collect())
                .collect();
            let key = [7; BLOCK_LEN];
            let jobs: Vec<JobId> = messages
                .iter()
                .enumerate()
                .map(|(n, message)| {
                    let (left, right) = message.split_at(message.len() / 3);
                    let start = match n % 3 {
                        0 => Start::behind(&key),
                        _ => Start::FRESH,
                    };
                    lanes.queue(&start, [left, right])
                })
                .collect();
            lanes.run();
            for (n, (job, message)) in jobs.into_iter().zip(&messages).enumerate() {
                let expected = match n % 3 {
                    0 => plain(&[&key, &message[..]].concat()),
                    _ => plain(message),
                };
                assert_eq!(lanes.digest(job), expected, "{kind:?}, job {n} of {lens:?}");
            }
        }
    }

    #[test]
    fn every_length_is_digested_as_by_the_reference() {
        check(&(0..300).collect::<Vec<_>>());
        for len in 0..300 {
            check(&[len]);
        }
    }

    #[test]
    fn every_number_of_jobs_is_digested_as_by_the_reference() {
        for count in 0..=70 {
            check(&vec![40; count]);
            check(&(0..count).map(|n| n * 37 % 500).collect::<Vec<_>>());
        }
    }

    #[test]
    fn later_run_leaves_earlier_digests_alone() {
        for kind in Instructions::available() {
            let mut lanes = Lanes::with(kind, 2, 2);
            let first = lanes.queue(&Start::FRESH, [b"first"]);
            lanes.run();
            let inner = lanes.digest(first);
            let second = lanes.queue(&Start::FRESH, [&inner]);
            lanes.run();
            assert_eq!(lanes.digest(first), plain(b"first"));
            assert_eq!(lanes.digest(second), plain(&plain(b"first")));
        }
    }

    #[test]
    fn cleared_lanes_hold_nothing_of_what_was_queued() {
        let mut lanes = Lanes::new(2, 4);
        for _ in 0..2 {
            lanes.queue(&Start::FRESH, [&[0xff; 100]]);
            lanes.queue(&Start::FRESH, [&[0xff; 100]]);
            lanes.run();
            lanes.clear();
            assert!(lanes.blocks.as_flattened().iter().all(|octet| *octet == 0));
            assert!(lanes.jobs.iter().all(|job| job.state == State::default()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn mixed_lengths_in_one_run_are_digested_as_by_the_reference(
            lens in prop::collection::vec(prop_oneof![0_usize..300, 0_usize..4200], 0..100),
        ) {
            check(&lens);
        }
    }
}
