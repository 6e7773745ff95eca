import { createHash, randomFillSync } from 'node:crypto'

/** Source of randomness, injected so that a whole town can be replayed from one seed. */
export interface Random {
  bytes(count: number): Buffer
  /** Uniform in [0, 1). */
  float(): number
  /** Uniform integer in [0, below). */
  int(below: number): number
}

function from(fill: (target: Buffer) => void): Random {
  // Drawing in blocks: one system call per 4 KiB instead of one per id.
  const block = Buffer.alloc(4096)
  let used = block.length
  const bytes = (count: number): Buffer => {
    if (count > 1024) throw new RangeError(`at most 1024 random bytes at a time, asked for ${count}`)
    if (used + count > block.length) {
      fill(block)
      used = 0
    }
    const out = Buffer.from(block.subarray(used, used + count))
    block.fill(0, used, used + count)
    used += count
    return out
  }
  const float = () => (bytes(6).readUIntBE(0, 6) * 2 ** -48) as number
  return { bytes, float, int: below => Math.floor(float() * below) }
}

export const systemRandom = (): Random => from(target => randomFillSync(target))

/** Deterministic stream: SHA-256 in counter mode over the seed. For tests, simulation and demonstration data only. */
export function seededRandom(seed: string | number): Random {
  let counter = 0
  return from(target => {
    for (let at = 0; at < target.length; at += 32) {
      createHash('sha256').update(`${seed}:${counter++}`).digest().copy(target, at)
    }
  })
}
