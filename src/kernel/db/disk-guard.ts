import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'

/**
 * Keeps the packaged database alive on a full disk. A server that cannot extend its write-ahead log ends, and then nobody
 * can read either; so writes are refused while there is still room, and a file held in reserve is given up at that moment
 * for what is under way (vacuum, hint bits, a checkpoint).
 */
export interface DiskGuard {
  readonly isFull: () => boolean
  readonly free_bytes: () => number
  /** Looks now instead of at the next turn. */
  look(): void
  stop(): void
}

const MIB = 2 ** 20
/** Three segments of the write-ahead log. */
const RESERVE_BYTES = 48 * MIB
const FREE_BYTES_MIN = 64 * MIB
/** Free space at which writing begins again: after the reserve is taken back, well above the lower mark. */
const FREE_BYTES_AGAIN = FREE_BYTES_MIN + RESERVE_BYTES + 32 * MIB
const LOOK_MS = 200

function takeReserve(path: string): void {
  const file = openSync(path, 'w', 0o600)
  try {
    const block = Buffer.alloc(MIB)
    for (let written = 0; written < RESERVE_BYTES; written += block.length) writeSync(file, block)
    fsyncSync(file)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
}

/** Watches the file system of `folder`; `reserve` is a path on it that nobody else uses. */
export function watchDisk(folder: string, reserve: string, onChange: (isFull: boolean, free_bytes: number) => void): DiskGuard {
  const measure = (): number => {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  }
  let free_bytes = measure()
  let isFull = false
  const look = (): void => {
    try {
      free_bytes = measure()
      if (!isFull && free_bytes < FREE_BYTES_MIN) {
        isFull = true
        rmSync(reserve, { force: true })
        onChange(true, free_bytes)
      } else if (free_bytes >= FREE_BYTES_AGAIN) {
        if (!existsSync(reserve)) takeReserve(reserve)
        if (isFull) {
          isFull = false
          onChange(false, free_bytes)
        }
      }
    } catch {
      // The disk filled again under our hands, or cannot be asked: what we knew stays true until the next look.
    }
  }
  look()
  const timer = setInterval(look, LOOK_MS).unref()
  return { isFull: () => isFull, free_bytes: () => free_bytes, look, stop: () => clearInterval(timer) }
}
